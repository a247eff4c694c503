import diagnosticsChannel from "node:diagnostics_channel";
import { attempt } from "../checks/diagnostics.ts";
import type { EgressPolicy, StopHold } from "../policy/egress-policy.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { processWide } from "../process-wide.ts";
import { endGuard } from "./cached-responses.ts";
import { noteShared, UNDICI_PENDING } from "./layers-above.ts";
import { HTTP_CREATED, stopHttpRequest } from "./stop-http.ts";
import { stopUndiciRequest, UNDICI_CREATE } from "./stop-undici.ts";
import { voidTickets } from "./tickets.ts";

/** `end` ends the subscriptions to the diagnostics channels; undefined while there are none. */
const subscription = processWide("stop.v1", (): { end: (() => void) | undefined } => ({ end: undefined }));

/** Puts a policy in force for all outgoing requests of the process. The caller is its first holder. */
export function installStop(policy: EgressPolicy): StopHold {
  const hold = new PolicyHold(policy);
  hold.hold();
  return hold;
}

class PolicyHold implements StopHold {
  readonly #policy: EgressPolicy;
  #holders = 0;

  constructor(policy: EgressPolicy) {
    this.#policy = policy;
  }

  hold(): void {
    if (this.#holders++ === 0) addPolicy(this.#policy);
  }

  letGo(): void {
    if (--this.#holders === 0) removePolicy(this.#policy);
  }
}

function addPolicy(policy: EgressPolicy): void {
  policiesInForce().add(policy);
  const state = subscription();
  state.end ??= subscribe();
}

function removePolicy(policy: EgressPolicy): void {
  const policies = policiesInForce();
  policies.delete(policy);
  voidTickets(policy);
  if (policies.size > 0) return;
  const state = subscription();
  state.end?.();
  state.end = undefined;
}

function subscribe(): () => void {
  const stops = [
    [UNDICI_CREATE, withoutThrowing(stopUndiciRequest)],
    [HTTP_CREATED, withoutThrowing(stopHttpRequest)],
    [UNDICI_PENDING, withoutThrowing(noteShared)],
  ] as const;
  for (const [channel, stop] of stops) diagnosticsChannel.subscribe(channel, stop);
  return () => {
    for (const [channel, stop] of stops) diagnosticsChannel.unsubscribe(channel, stop);
    endGuard();
  };
}

/** A subscriber that throws would end the process. */
function withoutThrowing(stop: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    attempt("egress", "an outgoing request could not be checked, so it may carry own members", () => stop(message));
  };
}
