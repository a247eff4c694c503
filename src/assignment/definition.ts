import type { EvaluationReason } from "./reason.ts";

/** Facts about a subject for `targeting` and for an assigner. They are used nowhere else. */
export type SubjectAttributes = Readonly<Record<string, unknown>>;

/** The input of an assigner: one subject and one experiment. */
export interface AssignmentRequest {
  /** The experiment's key. */
  readonly key: string;
  /** The id of the experiment's run. */
  readonly id: string;
  /** Not empty. */
  readonly subject: string;
  /** As given to `assign`, or by the adapter's option `attributes`; `{}` without them. */
  readonly attributes: SubjectAttributes;
  /** The declared variants. */
  readonly variants: readonly string[];
  /** Aborted when the time limit is reached. */
  readonly signal: AbortSignal;
}

/**
 * The answer of an assigner: a declared variant, with OpenTelemetry's reason if known; undefined if the subject does not
 * take part.
 */
export type AssignerAnswer<Variant extends string = string> =
  | Variant
  | undefined
  | { readonly variant: Variant | undefined; readonly reason?: EvaluationReason };

/** Another source of assignments, such as a feature flag service. If it throws, rejects or hangs, the fallback is used. */
export type Assigner<Variant extends string = string> = (
  request: AssignmentRequest,
) => AssignerAnswer<Variant> | Promise<AssignerAnswer<Variant>>;

/** Any text. The compiler keeps the literal type of a text where this is expected, as it would not for `string`. */
export type AnyVariant = "" | (string & Record<never, never>);

/** The declaration of one experiment. A wrong one throws an ExperimentConfigError, when the experiments are created. */
export interface ExperimentDefinition {
  /** This run of the experiment, such as `checkout_redesign_2026q1`. A new run needs a new id. Unique in a registry. */
  readonly id: string;
  /** The variants, as a list with equal shares or each with its weight: not negative, and not all 0. */
  readonly variants: readonly string[] | Readonly<Record<string, number>>;
  /** Determines how `assign` distributes subjects; not empty. Default: the id, so that a new run has new groups. */
  readonly seed?: string;
  /** The share of the subjects that take part, from 0 to 1. Default: 1. The others are not assigned. */
  readonly coverage?: number;
  /**
   * Experiments of one namespace with disjoint ranges share no subject. The range is within 0 and 1. Default: none, so
   * that a subject's part in this experiment says nothing about its part in another.
   */
  readonly namespace?: { readonly name: string; readonly range: readonly [from: number, to: number] };
  /** Whether a subject takes part. Synchronous. If it throws, the answer is no. Default: every subject takes part. */
  readonly targeting?: (attributes: SubjectAttributes) => boolean;
  /** `"stopped"` assigns no subject; assignments of trusted callers are still passed on. Default: `"running"`. */
  readonly status?: "running" | "stopped";
  /** Decides instead of the built-in hash. Default: none. */
  readonly assigner?: Assigner<AnyVariant>;
  /** The time limit of the assigner, in milliseconds: more than 0, at most 60,000. Default: 250. */
  readonly timeLimitMs?: number;
  /**
   * The variant if the assigner fails, is late, or returns an unknown one. It counts in no exposure. Default: none, so
   * that the subject is not assigned.
   */
  readonly fallback?: string;
}

/** The experiments that a service declares, by key. */
export type Registry = Readonly<Record<string, ExperimentDefinition>>;

/** The keys of a registry; any string without a registry. */
export type ExperimentKey<R extends Registry> = keyof R & string;

/** The variants of one experiment; any string without a registry. */
export type VariantOf<R extends Registry, K extends ExperimentKey<R>> = string extends keyof R
  ? string
  : DeclaredVariant<R[K]>;

/** The variants of a definition. */
export type DeclaredVariant<D> = D extends { readonly variants: infer Variants }
  ? Variants extends readonly (infer Name)[]
    ? Name & string
    : keyof Variants & string
  : string;

/**
 * What TypeScript checks of a registry beyond its form: no misspelt option, a `fallback` and an `assigner` that name
 * declared variants. A function that is generic over a registry `R` takes `R & CheckedRegistry<R>`.
 */
export type CheckedRegistry<R> = { readonly [K in keyof R]: CheckedDefinition<R[K]> };

/** A definition whose wrong parts have a type that nothing fits. */
export type CheckedDefinition<D> = {
  readonly [Option in keyof D]: Option extends "fallback"
    ? [UnknownVariant<D[Option], DeclaredVariant<D>>] extends [never]
      ? D[Option]
      : OneOf<DeclaredVariant<D>>
    : Option extends "assigner"
      ? [UnknownVariant<AnsweredVariant<D[Option]>, DeclaredVariant<D>>] extends [never]
        ? D[Option]
        : Assigner<DeclaredVariant<D>>
      : Option extends "namespace"
        ? { readonly [Part in keyof D[Option]]: Part extends "name" | "range" ? D[Option][Part] : never }
        : Option extends keyof ExperimentDefinition
          ? D[Option]
          : never;
};

/** Names what is expected in the compiler's message; nothing has this type. */
export interface OneOf<Name> {
  readonly oneOf: Name;
}

/** The variants that an assigner answers. */
export type AnsweredVariant<A> = A extends (request: never) => infer Answer
  ? Awaited<Answer> extends infer Settled
    ? Settled extends { readonly variant: infer Variant }
      ? Variant
      : Settled
    : never
  : never;

/** The given texts that are no declared variant. A text that is known at run time only is checked there. */
export type UnknownVariant<Given, Variant> =
  string extends Extract<Given, string> ? never : Exclude<Extract<Given, string>, Variant>;
