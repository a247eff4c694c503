import type { EvaluationReason } from "./reason.ts";

/** What is known of a subject when it is assigned, for `targeting` and for an assigner. It goes nowhere else. */
export type SubjectAttributes = Readonly<Record<string, unknown>>;

/** One subject to be assigned in one experiment. */
export interface AssignmentRequest {
  readonly key: string;
  readonly id: string;
  readonly subject: string;
  readonly attributes: SubjectAttributes;
  /** The declared variants. */
  readonly variants: readonly string[];
  /** Aborted when the answer would come too late. */
  readonly signal: AbortSignal;
}

/**
 * What an assigner decides: a declared variant, with OpenTelemetry's reason if it knows one; undefined where the subject
 * takes no part.
 */
export type AssignerAnswer =
  | string
  | undefined
  | { readonly variant: string | undefined; readonly reason?: EvaluationReason };

/** Another source of assignments: a feature flag service, say. It may throw, reject or hang: that costs the fallback. */
export type Assigner = (request: AssignmentRequest) => AssignerAnswer | Promise<AssignerAnswer>;

/** One experiment as it is declared. */
export interface ExperimentDefinition {
  /** This run of the experiment, such as `checkout_redesign_2026q1`. A new run takes a new id. */
  readonly id: string;
  /** The variants, with equal shares, or each with its weight: not negative, and not all 0. */
  readonly variants: readonly string[] | Readonly<Record<string, number>>;
  /** What `assign` deals subjects by. Default: the id, so that a new run does not repeat the old one's groups. */
  readonly seed?: string;
  /** The share of the subjects that take part, from 0 to 1. Default: 1. The others are not assigned. */
  readonly coverage?: number;
  /** Experiments of one namespace with ranges apart have no subject in common. The range is within 0 and 1. */
  readonly namespace?: { readonly name: string; readonly range: readonly [from: number, to: number] };
  /** Which subjects take part. One that throws means no. Synchronous. */
  readonly targeting?: (attributes: SubjectAttributes) => boolean;
  /** `"stopped"` assigns nobody; what trusted callers send is still passed on. Default: `"running"`. */
  readonly status?: "running" | "stopped";
  /** Decides in the place of the built-in hash. */
  readonly assigner?: Assigner;
  /** How long an assigner may take, in milliseconds. Default: 250. */
  readonly timeLimitMs?: number;
  /** The variant where the assigner fails, is late, or names an unknown one. It counts in no exposure. */
  readonly fallback?: string;
}

/** The experiments that a service declares, by key. */
export type Registry = Readonly<Record<string, ExperimentDefinition>>;

/** The keys of a registry; any string where there is none. */
export type ExperimentKey<R extends Registry> = keyof R & string;

/** The variants of one experiment; any string where there is no registry. */
export type VariantOf<R extends Registry, K extends ExperimentKey<R>> = string extends keyof R
  ? string
  : NamesIn<R[K]["variants"]>;

type NamesIn<Variants> = Variants extends readonly (infer Name)[] ? Name & string : keyof Variants & string;
