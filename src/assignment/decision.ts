import { describeValue } from "../checks/describe-value.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { askPredicate } from "../checks/predicate.ts";
import { withinTime } from "../checks/time-limit.ts";
import type { HttpExchange } from "../http/shapes.ts";
import type { Assigner, SubjectAttributes } from "./definition.ts";
import { type EvaluationReason, isEvaluationReason } from "./reason.ts";
import type { CompiledExperiment } from "./registry.ts";
import { recall, remember, type StickyStore } from "./sticky-store.ts";

/** The reason why an assigner's answer does not count; the values of `error.type`. */
type AssignerFailure = "timeout" | "assigner_error" | "unknown_variant";

/** The decision for a subject that takes part. */
export interface Decision {
  readonly variant: string;
  readonly reason: EvaluationReason;
  /** Defined if the variant is the fallback. */
  readonly failure: AssignerFailure | undefined;
}

/**
 * Decides for one subject; undefined if the subject does not take part. Synchronous without a store and an assigner; else
 * a promise, which never rejects.
 */
export function decide(
  experiment: CompiledExperiment,
  subject: string,
  attributes: SubjectAttributes,
  store: StickyStore | undefined,
  exchange: HttpExchange | undefined,
): Decision | undefined | Promise<Decision | undefined> {
  const { isRunning, targeting, bucketOf, assigner } = experiment;
  if (!isRunning) return undefined;
  if (targeting !== undefined && !askPredicate("targeting", "targeting", () => targeting(attributes))) return undefined;
  if (store === undefined && assigner === undefined) return bucketed(bucketOf(subject));
  return inquire(experiment, subject, attributes, store, exchange);
}

async function inquire(
  experiment: CompiledExperiment,
  subject: string,
  attributes: SubjectAttributes,
  store: StickyStore | undefined,
  exchange: HttpExchange | undefined,
): Promise<Decision | undefined> {
  const { key, id, bucketOf, assigner } = experiment;
  if (store !== undefined) {
    const known = await recall(store, { key, id, subject, exchange });
    if (known !== undefined && experiment.assignments.has(known)) {
      return { variant: known, reason: "cached", failure: undefined };
    }
  }
  const dealt = bucketed(bucketOf(subject));
  // Coverage and namespace decide whether a subject takes part, even if an assigner decides the variant.
  if (dealt === undefined) return undefined;
  const decision = assigner === undefined ? dealt : await ask(experiment, assigner, subject, attributes);
  if (store !== undefined && decision !== undefined && decision.failure === undefined) {
    await remember(store, { key, id, subject, exchange }, decision.variant);
  }
  return decision;
}

function bucketed(variant: string | undefined): Decision | undefined {
  return variant === undefined ? undefined : { variant, reason: "split", failure: undefined };
}

async function ask(
  { key, id, variants, assignments, timeLimitMs, fallback }: CompiledExperiment,
  assigner: Assigner,
  subject: string,
  attributes: SubjectAttributes,
): Promise<Decision | undefined> {
  const outcome = await withinTime(timeLimitMs, (signal) =>
    assigner({ key, id, subject, attributes, variants, signal }),
  );
  const fail = (failure: AssignerFailure, message: string, error?: unknown): Decision | undefined => {
    const instead =
      fallback === undefined ? "the subject is not assigned; declare a fallback" : `the fallback ${fallback} is used`;
    warnOnce("assigner", `the assigner of ${key} ${message}; ${instead}`, error);
    return fallback === undefined ? undefined : { variant: fallback, reason: "error", failure };
  };
  if (outcome.kind === "timeout") return fail("timeout", `took more than ${timeLimitMs} ms`);
  if (outcome.kind === "error") return fail("assigner_error", "failed", outcome.error);
  try {
    const { variant, reason } = read(outcome.value);
    if (variant === undefined || variant === null) return undefined;
    if (typeof variant === "string" && assignments.has(variant)) {
      return { variant, reason: isEvaluationReason(reason) ? reason : "unknown", failure: undefined };
    }
    return fail("unknown_variant", `returned ${describeValue(variant)}, which is none of ${variants.join(", ")}`);
  } catch (error) {
    return fail("assigner_error", "returned a value that cannot be read", error);
  }
}

/** The parts of an answer, which may be of any class. Throws if one of its accessors throws. */
function read(answer: unknown): Readonly<Record<"variant" | "reason", unknown>> {
  if (typeof answer !== "object" || answer === null || !("variant" in answer)) {
    return { variant: answer, reason: undefined };
  }
  return { variant: answer.variant, reason: "reason" in answer ? answer.reason : undefined };
}
