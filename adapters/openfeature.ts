import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Assigner,
  type EvaluationReason,
  ExperimentConfigError,
  type ExperimentsHandle,
  evaluations,
  isEvaluationReason,
} from "../src/adapter.ts";

/** What we use of an evaluation's details. */
interface EvaluationDetails {
  readonly value: unknown;
  readonly variant?: string;
  readonly reason?: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** What we use of a client of `@openfeature/server-sdk`. */
interface OpenFeatureClient {
  getStringDetails(flag: string, defaultValue: string, context: never): Promise<EvaluationDetails>;
}

/** How an experiment and a flag belong together. */
export interface OpenFeatureAssignerOptions {
  /** The flag's key. Default: the experiment's. */
  readonly flag?: string;
}

/** True while an assigner of ours asks: what it is told is not yet the request's, and a hook of ours has nothing to add. */
const asking = new AsyncLocalStorage<true>();

/**
 * An assigner that asks OpenFeature: the subject is the targeting key, its attributes the evaluation context. The flag is
 * of type string; the variant's name counts where it is a declared variant, else the value. An error of the provider
 * gives the experiment's fallback. A disabled flag assigns nobody.
 *
 * @throws ExperimentConfigError where there is no client
 * @example { id: "checkout_1", variants: ["a", "b"], fallback: "a", assigner: openFeatureAssigner(OpenFeature.getClient()) }
 */
export function openFeatureAssigner(client: OpenFeatureClient, { flag }: OpenFeatureAssignerOptions = {}): Assigner {
  if (typeof client?.getStringDetails !== "function") {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "openFeatureAssigner got no client; write openFeatureAssigner(OpenFeature.getClient())",
    );
  }
  if (flag !== undefined && (typeof flag !== "string" || flag === "")) {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", "flag is no text; write the flag's key, or leave it out");
  }
  return async function askOpenFeature({ key, subject, attributes, variants }) {
    const context = { ...attributes, targetingKey: subject };
    // why: the context's type is OpenFeature's own; attributes that it does not take are its provider's to refuse
    const details = await asking.run(true, () => client.getStringDetails(flag ?? key, "", context as never));
    if (details.errorCode !== undefined) throw new Error(`${details.errorCode} ${details.errorMessage ?? ""}`.trim());
    const reason = reasonOf(details.reason);
    const variant = variantOf(details, variants);
    if (reason === "disabled" || variant === "") return undefined;
    return { variant, reason };
  };
}

/** What we use of a hook's context. */
interface HookContext {
  readonly flagKey: string;
}

/** A hook of OpenFeature, as far as it is ours. */
export interface OpenFeatureHook {
  after(context: HookContext, details: EvaluationDetails): void;
}

/** Which flags are experiments. */
export interface OpenFeatureHookOptions {
  /** The experiment's key by the flag's, where they differ. */
  readonly experiments?: Readonly<Record<string, string>>;
}

/**
 * A hook for who evaluates flags themselves: an evaluation of a flag that is an experiment becomes the request's
 * recorded assignment. Other flags, and values that are no declared variant, are passed over.
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
      if (asking.getStore() === true) return;
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

/** OpenFeature's reasons are OpenTelemetry's in capitals; a provider may have its own. */
function reasonOf(reason: unknown): EvaluationReason {
  const name = typeof reason === "string" ? reason.toLowerCase() : undefined;
  return isEvaluationReason(name) ? name : "unknown";
}
