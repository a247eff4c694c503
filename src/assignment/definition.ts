import type { EvaluationReason } from "./reason.ts";

/** Facts about a subject for `targeting` and for an assigner. They are used nowhere else. */
export type SubjectAttributes = Readonly<Record<string, unknown>>;

/** The input of an assigner: one subject and one experiment. */
export interface AssignmentRequest {
  readonly key: string;
  readonly id: string;
  readonly subject: string;
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
export type AssignerAnswer =
  | string
  | undefined
  | { readonly variant: string | undefined; readonly reason?: EvaluationReason };

/** Another source of assignments, such as a feature flag service. If it throws, rejects or hangs, the fallback is used. */
export type Assigner = (request: AssignmentRequest) => AssignerAnswer | Promise<AssignerAnswer>;

/** The declaration of one experiment. */
export interface ExperimentDefinition {
  /** This run of the experiment, such as `checkout_redesign_2026q1`. A new run needs a new id. */
  readonly id: string;
  /** The variants, as a list with equal shares or each with its weight: not negative, and not all 0. */
  readonly variants: readonly string[] | Readonly<Record<string, number>>;
  /** Determines how `assign` distributes subjects. Default: the id, so that a new run has new groups. */
  readonly seed?: string;
  /** The share of the subjects that take part, from 0 to 1. Default: 1. The others are not assigned. */
  readonly coverage?: number;
  /** Experiments of one namespace with disjoint ranges share no subject. The range is within 0 and 1. */
  readonly namespace?: { readonly name: string; readonly range: readonly [from: number, to: number] };
  /** Whether a subject takes part. Synchronous. If it throws, the answer is no. */
  readonly targeting?: (attributes: SubjectAttributes) => boolean;
  /** `"stopped"` assigns no subject; assignments of trusted callers are still passed on. Default: `"running"`. */
  readonly status?: "running" | "stopped";
  /** Decides instead of the built-in hash. */
  readonly assigner?: Assigner;
  /** The time limit of the assigner, in milliseconds. Default: 250. */
  readonly timeLimitMs?: number;
  /** The variant if the assigner fails, is late, or returns an unknown one. It counts in no exposure. */
  readonly fallback?: string;
}

/** The experiments that a service declares, by key. */
export type Registry = Readonly<Record<string, ExperimentDefinition>>;

/** The keys of a registry; any string without a registry. */
export type ExperimentKey<R extends Registry> = keyof R & string;

/** The variants of one experiment; any string without a registry. */
export type VariantOf<R extends Registry, K extends ExperimentKey<R>> = string extends keyof R
  ? string
  : R[K]["variants"] extends readonly (infer Name)[]
    ? Name & string
    : keyof R[K]["variants"] & string;
