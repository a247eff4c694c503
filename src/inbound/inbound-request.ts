import type { HeaderGetter, HttpExchange, RequestOutcome } from "../http/shapes.ts";
import type { DescribedRequest } from "../http-spans/server-attributes.ts";
import type { Scope } from "../scope/public-scope.ts";
import type { Emitter } from "./emitters.ts";
import type { AnsweringResponse } from "./request-end.ts";
import type { SpanFinder } from "./server-span.ts";

/** A request, as an adapter describes it to the core. */
export interface InboundRequest extends DescribedRequest, HttpExchange {
  /** Reads a header by its lower-case name. */
  readonly header: HeaderGetter;
  /** The socket's remote address, never a forwarded one; undefined for a unix socket. */
  readonly peer: string | undefined;
  /** The request itself. The scope is set on it, so that it can be found without async context. */
  readonly request: Emitter & DescribedRequest["request"];
  /** Its `finish` ends a created server span; its `close` ends the scope too. */
  readonly response: Emitter & AnsweringResponse;
  /** The framework's object for its handlers, if it has no request as `req` or `raw`. The scope is set on it too. */
  readonly native?: object | undefined;
  /** Gives the framework's route, a template such as `/users/:id`, never a path. Called when the response is over. */
  readonly route?: (() => string | undefined) | undefined;
  /** For frameworks whose plugin makes the server span itself. */
  readonly serverSpan?: SpanFinder | undefined;
}

/** A request that is being served. */
export interface OpenRequest {
  readonly scope: Scope;
  /**
   * Settles when the experiments of the option `assign` are decided. Undefined if there is nothing to wait for, as with
   * the built-in hash. Never rejects. `runAssigned` and `continueAssigned` wait for it.
   */
  readonly assigned: Promise<void> | undefined;
  /** Runs the rest of the request in its scope. The result and the error are those of `fn`. */
  readonly run: <T>(fn: () => T) => T;
  /**
   * Ends the request, if its response emits no `finish` and no `close`. Idempotent; the first outcome wins, also if it
   * comes from these events.
   */
  readonly end: (outcome: RequestOutcome) => void;
}
