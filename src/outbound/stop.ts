import diagnosticsChannel from "node:diagnostics_channel";
import { attempt } from "../checks/diagnostics.ts";
import type { EgressPolicy, StopHold } from "../policy/egress-policy.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { processWide } from "../process-wide.ts";
import { HTTP_CREATED, stopHttpRequest } from "./stop-http.ts";
import { stopUndiciRequest, UNDICI_CREATE } from "./stop-undici.ts";

/** Ends the subscriptions to the diagnostics channels; undefined while there are none. */
const subscription = processWide("stop.v1", (): { end: (() => void) | undefined } => ({ end: undefined }));

/** Puts a policy in force for every outgoing request of the process. */
export function installStop(policy: EgressPolicy): StopHold {
  let holds = 0;
  const retain = (): (() => void) => {
    if (holds === 0) putInForce(policy);
    holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      holds--;
      if (holds === 0) lift(policy);
    };
  };
  return { retain, release: retain() };
}

function putInForce(policy: EgressPolicy): void {
  policiesInForce().add(policy);
  const state = subscription();
  state.end ??= subscribe();
}

function lift(policy: EgressPolicy): void {
  const policies = policiesInForce();
  policies.delete(policy);
  if (policies.size > 0) return;
  const state = subscription();
  state.end?.();
  state.end = undefined;
}

function subscribe(): () => void {
  const guards = [
    [UNDICI_CREATE, guarded(stopUndiciRequest)],
    [HTTP_CREATED, guarded(stopHttpRequest)],
  ] as const;
  for (const [channel, guard] of guards) diagnosticsChannel.subscribe(channel, guard);
  return () => {
    for (const [channel, guard] of guards) diagnosticsChannel.unsubscribe(channel, guard);
  };
}

/** A subscriber that throws would end the process. */
function guarded(guard: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    attempt("egress", "an outgoing request could not be looked at, so it may carry own members", () => guard(message));
  };
}
