import type { Attributes } from "@opentelemetry/api";
import type { Assignment } from "../assignment/assignment.ts";
import type { ExperimentKey, Registry, SubjectAttributes, VariantOf } from "../assignment/definition.ts";
import type { FieldAccess, Fields } from "../fields/field.ts";
import type { ConversionOptions } from "./conversion-options.ts";

/** The calls of a request's scope; `Experiments` has them for the current request. Outside a request nothing is kept. */
export interface ScopeCalls<R extends Registry, F extends Fields> {
  /**
   * The variant that the request has, without any side effect; undefined without one, and outside a request. From a
   * trusted caller it can be one that the registry does not list.
   */
  variant<K extends ExperimentKey<R>>(key: K): VariantOf<R, K> | undefined;
  /**
   * Notes a variant that was decided elsewhere. An assignment that the request has already stands.
   *
   * @returns the variant that counts; undefined where none could be noted
   * @throws ExperimentUsageError for an unknown key or variant, in strict mode only
   */
  record<K extends ExperimentKey<R>>(key: K, variant: VariantOf<R, K>): VariantOf<R, K> | undefined;
  /**
   * Decides a subject's variant, once per scope; what a trusted caller sent, or was recorded, stands. Undefined where the
   * subject takes no part, and for an undefined, null or empty subject. Outside a request it decides, and remembers
   * nothing. Settles always, never rejects.
   *
   * @throws ExperimentUsageError for an unknown key, in strict mode only
   */
  assign<K extends ExperimentKey<R>>(
    key: K,
    subject: string | null | undefined,
    options?: AssignOptions,
  ): Promise<VariantOf<R, K> | undefined>;
  /** Reads the variant and exposes it: what code calls that goes one way or the other. */
  use<K extends ExperimentKey<R>>(key: K): VariantOf<R, K> | undefined;
  /** Counts that the variant made a difference to the subject, once per scope and experiment. */
  expose(key: ExperimentKey<R>): void;
  /** Counts an outcome: for each assignment that was exposed in this request and not forced, or for the one that is named. */
  convert(name: string, options?: ConversionOptions<ExperimentKey<R>>): void;
  /** The declared fields of the request. */
  readonly fields: FieldAccess<F>;
}

/** What one request knows of experiments. Outside a request it is empty and stays so. */
export interface Scope<R extends Registry = Registry, F extends Fields = Fields> extends ScopeCalls<R, F> {
  /** In the order in which they became known. Assignments are added, never changed. */
  readonly assignments: readonly Assignment[];
  /**
   * The flat pair `experiment.id` and `experiment.variant` with the bounded values of measurements: `none` without an
   * assignment or where it is forced, `other` where it would add a series beyond the bounds.
   */
  readonly attributes: Attributes;
}

/** What may decide an assignment beside the subject. */
export interface AssignOptions {
  /** For `targeting` and assigners; goes nowhere else. */
  readonly attributes?: SubjectAttributes;
}
