import { AsyncLocalStorage } from "node:async_hooks";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** The part of a call with `spans: true` that the stop uses. */
export interface SpanMaker {
  /** The latest scope of the calling code; undefined outside a request. */
  readonly scope: RequestScope | undefined;
  /** Whether others who have other members share the answer. */
  readonly isShared: boolean;
  /** Called for each request of the call, before it is written. */
  begin(request: object, destination: Destination | undefined): void;
}

/** A call of a wrapped client, as adapters hold it. */
export interface HeldCall {
  /** Whether one of the wrappers makes spans. */
  readonly makesSpans: boolean;
  /** Runs the dispatch of the call. */
  readonly dispatch: <T>(fn: () => T) => T;
}

/**
 * A call of a wrapped client that its headers do not show: one to a destination that is not allowed, so that it looks as
 * without the package, and one that makes spans. If a redirect leads to an allowed destination, and for spans, the call is
 * found by the handler of the request or by the async context, where these positively belong to the request.
 */
export class UnmarkedCall implements HeldCall {
  /** The scope whose members it may write; undefined if the headers have them, or if there are none. */
  readonly #writer: RequestScope | undefined;
  /** Set if the call makes spans. */
  readonly spans: SpanMaker | undefined;
  /** The call of another wrapper of the same client. */
  readonly #outer: UnmarkedCall | undefined;
  /** The request that was made while the call dispatched; undefined if that request waits. */
  #dispatched: object | undefined;
  #isWaiting = false;
  #isOver = false;
  #hasWritten = false;

  constructor(writer: RequestScope | undefined, spans: SpanMaker | undefined, outer: UnmarkedCall | undefined) {
    this.#writer = writer;
    this.spans = spans;
    this.#outer = outer;
    unmarkedCalls().live++;
  }

  /** Whether own members left with one of the call's requests. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  get writer(): RequestScope | undefined {
    return this.#writer?.isOver === true ? undefined : this.#writer;
  }

  /** The calls of all wrappers that are under way, the outermost first. */
  get chain(): readonly UnmarkedCall[] {
    const outer = this.#outer?.chain ?? NO_CALLS;
    return this.#isOver ? outer : [...outer, this];
  }

  get makesSpans(): boolean {
    return this.chain.some(({ spans }) => spans !== undefined);
  }

  /** Whether it may write to the destination. */
  mayWriteTo(destination: Destination | undefined): boolean {
    const { writer } = this;
    return writer !== undefined && destination?.allowedBy(writer.owner.policy.destinations) === true;
  }

  /** Runs the call of the client. */
  run<T>(fn: () => T): T {
    return unmarkedCalls().storage.run(this, fn);
  }

  /**
   * Runs the dispatch of the call. The first request that is made meanwhile is the call's: undici makes it before it calls
   * anybody, or lets it wait.
   */
  dispatch<T>(fn: () => T): T {
    const state = unmarkedCalls();
    const outer = state.dispatching;
    state.dispatching = this;
    try {
      return fn();
    } finally {
      state.dispatching = outer;
      if (this.#dispatched === undefined) this.#wait();
      this.#dispatched = undefined;
    }
  }

  /** Whether the request is the one that the call dispatches at this moment. */
  dispatches(request: object): boolean {
    this.#dispatched ??= request;
    return this.#dispatched === request;
  }

  #wait(): void {
    if (this.#isWaiting || this.#isOver) return;
    this.#isWaiting = true;
    unmarkedCalls().waiting++;
  }

  writes(): void {
    this.#hasWritten = true;
  }

  /** Work that the call leaves behind is not its own. Idempotent. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const state = unmarkedCalls();
    state.live--;
    if (this.#isWaiting) state.waiting--;
  }
}

export const NO_CALLS: readonly UnmarkedCall[] = Object.freeze([]);

interface UnmarkedCalls {
  readonly storage: AsyncLocalStorage<UnmarkedCall>;
  /** The number of calls under way: if it is 0, no call is looked for. */
  live: number;
  /** The number of calls whose dispatch made no request at once. */
  waiting: number;
  dispatching: UnmarkedCall | undefined;
  /** Set to a function while a handler is asked for its call. */
  answer: ((call: UnmarkedCall) => void) | undefined;
}

export const unmarkedCalls: () => UnmarkedCalls = processWide("unmarked-calls.v2", () => ({
  storage: new AsyncLocalStorage(),
  live: 0,
  waiting: 0,
  dispatching: undefined,
  answer: undefined,
}));

/** Tells who asks a handler for its call at this moment. False if nobody does. */
export function answersWith(call: HeldCall | undefined): boolean {
  const { answer } = unmarkedCalls();
  if (answer === undefined) return false;
  // why: adapters hold no other
  if (call !== undefined) answer(call as UnmarkedCall);
  return true;
}

/** The property of a handler of a dispatch that holds its unmarked call. */
export const CALL_OF_HANDLER: unique symbol = Symbol.for("otel-experiments.unmarked-call.v2");
