import type { Attributes } from "@opentelemetry/api";
import type { Assignment } from "../assignment/assignment.ts";
import type { ExperimentKey, Registry, SubjectAttributes, VariantOf } from "../assignment/definition.ts";
import type { FieldAccess, Fields } from "../fields/field.ts";
import type { ConversionOptions } from "./conversion-options.ts";

/** The calls of a request's scope; `Experiments` has them for the current request. Outside a request nothing is kept. */
export interface ScopeCalls<R extends Registry, F extends Fields> {
  /**
   * Reads the request's variant, without any side effect; undefined without one, and outside a request. A trusted caller
   * can send one that is not declared.
   */
  variant<K extends ExperimentKey<R>>(key: K): VariantOf<R, K> | undefined;
  /**
   * Adds a variant that was decided elsewhere. If the request has an assignment already, that one is kept.
   *
   * @returns the variant that counts; undefined if none could be added
   * @throws ExperimentUsageError for an unknown key or variant, in strict mode only
   */
  record<K extends ExperimentKey<R>>(key: K, variant: VariantOf<R, K>): VariantOf<R, K> | undefined;
  /**
   * Decides a subject's variant, once per scope. If the request has an assignment already, from a trusted caller or by
   * `record`, that one is kept. Undefined if the subject takes no part, and for an undefined, null or empty subject.
   * Outside a request it decides and remembers nothing. Always settles, never rejects.
   *
   * Without a second argument, the subject and the attributes are those that the adapter's options of these names give.
   * With a store that knows visitors, such as `cookieStore`, the subject is the visitor's id instead, whatever is given.
   *
   * @throws ExperimentUsageError for an unknown key, in strict mode only
   */
  assign<K extends ExperimentKey<R>>(key: K, ...given: AssignArguments): Promise<VariantOf<R, K> | undefined>;
  /** Reads the variant and exposes it: for code that branches on the variant. */
  use<K extends ExperimentKey<R>>(key: K): VariantOf<R, K> | undefined;
  /** Counts that the variant made a difference to the subject, once per scope and experiment. */
  expose(key: ExperimentKey<R>): void;
  /** Counts an outcome: for each unforced assignment that this scope exposed, or for the experiment in `options`. */
  convert(name: string, options?: ConversionOptions<ExperimentKey<R>>): void;
  /** The declared fields of the request. */
  readonly fields: FieldAccess<F>;
}

/** The experiments and fields of one request. Outside a request the scope is empty and stays empty. */
export interface Scope<R extends Registry = Registry, F extends Fields = Fields> extends ScopeCalls<R, F> {
  /** In the order in which they became known. Assignments are added, never changed. */
  readonly assignments: readonly Assignment[];
  /**
   * The flat pair `experiment.id` and `experiment.variant` with the bounded values of measurements: `none` without an
   * assignment or if it is forced, `other` if it would add a series beyond the bounds.
   */
  readonly attributes: Attributes;
}

/** The arguments of `assign` after the key. */
export type AssignArguments = readonly [] | readonly [subject: string | null | undefined, options?: AssignOptions];

/** The options of `assign`. */
export interface AssignOptions {
  /** Given to `targeting` and assigners only. */
  readonly attributes?: SubjectAttributes;
}

/**
 * For `declare module "otel-experiments" { interface Register { experiments: typeof experiments } }`: then
 * `request.experiments` and the like have the keys, variants and fields of these experiments.
 */
export interface Register {}

/** The scope that frameworks' objects hold: of the experiments in `Register`; without them, keys are any strings. */
export type RegisteredScope = Register extends { readonly experiments: { current(): infer S } } ? S : Scope;
