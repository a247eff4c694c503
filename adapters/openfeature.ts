import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Assigner,
  type EvaluationReason,
  ExperimentConfigError,
  type ExperimentsHandle,
  evaluations,
  isEvaluationReason,
  processWide,
} from "../src/adapter.ts";

export type {
  Assigner,
  AssignerAnswer,
  AssignmentRequest,
  EvaluationReason,
  ExperimentsHandle,
  SubjectAttributes,
  Verdict,
} from "../src/adapter.ts";

/** The part of an evaluation's details that the assigner and the hook use. */
export interface EvaluationDetails {
  readonly value: unknown;
  readonly variant?: string;
  readonly reason?: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** The part of a client of `@openfeature/server-sdk` that the assigner uses. */
export interface OpenFeatureClient {
  getStringDetails(flag: string, defaultValue: string, context: never): Promise<EvaluationDetails>;
}

/** Options of `openFeatureAssigner`. */
export interface OpenFeatureAssignerOptions {
  /** The flag's key. Default: the experiment's key. */
  readonly flag?: string;
}

/**
 * True while an own assigner evaluates a flag: its result is not yet the request's assignment, so the own hook ignores
 * it.
 */
const asking = processWide("openfeature-asking.v1", () => new AsyncLocalStorage<true>());

/**
 * An assigner that asks OpenFeature: the targeting key is the subject, the evaluation context its attributes. The
 * flag's type is string. The variant is the flag's variant name if that is a declared variant, else its value. If the
 * provider reports an error, the subject gets the experiment's fallback. If the flag is disabled, the subject is not
 * assigned.
 *
 * @throws ExperimentConfigError if there is no client, or `flag` is no text
 * @example { id: "checkout_1", variants: ["a", "b"], fallback: "a", assigner:
 * openFeatureAssigner(OpenFeature.getClient()) }
 */
export function openFeatureAssigner(client: OpenFeatureClient, { flag }: OpenFeatureAssignerOptions = {}): Assigner {
  if (typeof client?.getStringDetails !== "function") {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "openFeatureAssigner got no client; write openFeatureAssigner(OpenFeature.getClient())",
    );
  }
  if (flag !== undefined && (typeof flag !== "string" || flag === "")) {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", "flag is not a text; write the flag's key, or leave it out");
  }
  return async function askOpenFeature({ key, subject, attributes, variants }) {
    const context = { ...attributes, targetingKey: subject };
    // why: the context has OpenFeature's own type; its provider rejects attributes that it does not take
    const details = await asking().run(true, () => client.getStringDetails(flag ?? key, "", context as never));
    if (details.errorCode !== undefined) throw new Error(`${details.errorCode} ${details.errorMessage ?? ""}`.trim());
    const reason = reasonOf(details.reason);
    const variant = variantOf(details, variants);
    if (reason === "disabled" || variant === "") return undefined;
    return { variant, reason };
  };
}

/** The part of a hook's context that the hook uses. */
export interface HookContext {
  readonly flagKey: string;
}

/** The part of OpenFeature's hook interface that `openFeatureHook` implements. */
export interface OpenFeatureHook {
  after(context: HookContext, details: EvaluationDetails): void;
}

/** Options of `openFeatureHook`. */
export interface OpenFeatureHookOptions {
  /** The experiment's key by the flag's key, where the two differ. */
  readonly experiments?: Readonly<Record<string, string>>;
}

/**
 * A hook for code that evaluates flags itself. If the flag is an experiment, the evaluation becomes the request's
 * recorded assignment. Other flags, and values that are not declared variants, are ignored.
 *
 * @example OpenFeature.addHooks(openFeatureHook(experiments))
 */
export function openFeatureHook(
  experiments: ExperimentsHandle,
  { experiments: keys = {} }: OpenFeatureHookOptions = {},
): OpenFeatureHook {
  const record = evaluations(experiments);
  const keyByFlag = new Map(Object.entries(keys));
  return {
    after({ flagKey }, details) {
      const key = keyByFlag.get(flagKey) ?? flagKey;
      const reason = reasonOf(details.reason);
      if (asking().getStore() === true) return;
      if (details.errorCode !== undefined || reason === "disabled") return;
      for (const candidate of [details.variant, details.value]) {
        if (typeof candidate === "string" && record(key, candidate, reason)) return;
      }
    },
  };
}

function variantOf({ variant, value }: EvaluationDetails, variants: readonly string[]): string {
  if (variant !== undefined && variants.includes(variant)) return variant;
  return typeof value === "string" ? value : "";
}

/** OpenFeature's reasons are OpenTelemetry's in capitals. A provider may define others. */
function reasonOf(reason: unknown): EvaluationReason {
  const name = typeof reason === "string" ? reason.toLowerCase() : undefined;
  return isEvaluationReason(name) ? name : "unknown";
}
