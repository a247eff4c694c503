import type { HeldCall } from "../../../src/adapter.ts";

/** The scope that a request was dispatched in. */
export interface DispatchScope {
  /** Runs a method of the handler. Default: in the scope of the code that dispatches. */
  readonly run?: (<T>(fn: () => T) => T) | undefined;
  /** Called once the request is over and the handler was told. */
  readonly release?: () => void;
  /** The call of a request whose headers do not show it. */
  readonly call?: HeldCall | undefined;
  /** Called with the headers of the response. */
  readonly guard?: ((headers: unknown) => void) | undefined;
}

/** The methods of a handler that undici calls last, by the names of undici 6 and of 7 and 8. */
export const LAST_CALLS: ReadonlySet<string | symbol> = new Set([
  "onComplete",
  "onError",
  "onUpgrade",
  "onResponseEnd",
  "onResponseError",
  "onRequestUpgrade",
]);
