import { nameOf } from "./thrown.ts";

/**
 * How a flow or a step ended. `success`: its function gave a result. `timeout`: it failed with a `TimeoutError`, or was
 * aborted for one. `aborted`: it failed with an `AbortError`, or was aborted. `failure`: any other error. The first
 * that holds, in this order, is it.
 */
export type FlowStatus = "success" | "timeout" | "aborted" | "failure";

/**
 * The status of what failed. `signal` is what could abort it: its reason counts for more than the error that was made of
 * it on the way. Errors are known by name, as Node, browsers and clients such as undici and got name them.
 */
export function statusOf(error: unknown, signal: AbortSignal): Exclude<FlowStatus, "success"> {
  const name = nameOf(signal.aborted ? signal.reason : error);
  if (name === "TimeoutError") return "timeout";
  return signal.aborted || name === "AbortError" ? "aborted" : "failure";
}
