import { AsyncLocalStorage } from "node:async_hooks";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * A call of a wrapped client to a destination that is not allowed. Its headers are those of the caller, so that it looks
 * as without the package. If a redirect leads to an allowed destination, the call is found by the handler of the request
 * or by the async context, where these positively belong to the request.
 */
export class UnmarkedCall {
  readonly scope: RequestScope;
  /** The call of another wrapper of the same client. */
  readonly #outer: UnmarkedCall | undefined;
  #isOver = false;
  #hasWritten = false;

  constructor(scope: RequestScope) {
    this.scope = scope;
    this.#outer = unmarkedCalls().storage.getStore();
    unmarkedCalls().live++;
  }

  /** Whether own members left with one of the call's requests. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** The calls of all wrappers that are under way, the outermost first. */
  get chain(): readonly UnmarkedCall[] {
    const outer = this.#outer?.chain ?? NO_CALLS;
    return this.#isOver || this.scope.isOver ? outer : [...outer, this];
  }

  /** Whether it may write to the destination. */
  mayWriteTo(destination: Destination | undefined): boolean {
    return destination?.allowedBy(this.scope.owner.policy.destinations) === true;
  }

  /** Runs the call of the client. */
  run<T>(fn: () => T): T {
    return unmarkedCalls().storage.run(this, fn);
  }

  writes(): void {
    this.#hasWritten = true;
  }

  /** Work that the call leaves behind is not its own. Idempotent. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    unmarkedCalls().live--;
  }
}

export const NO_CALLS: readonly UnmarkedCall[] = Object.freeze([]);

/** `live` is the number of calls under way: if it is 0, no call is looked for. */
export const unmarkedCalls: () => { readonly storage: AsyncLocalStorage<UnmarkedCall>; live: number } = processWide(
  "unmarked-calls.v1",
  () => ({ storage: new AsyncLocalStorage(), live: 0 }),
);

/** The property of a handler of a dispatch that holds its unmarked call. */
export const CALL_OF_HANDLER: unique symbol = Symbol.for("otel-experiments.unmarked-call.v1");
