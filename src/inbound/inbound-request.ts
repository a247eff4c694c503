import type { HeaderGetter, HttpExchange, RequestOutcome } from "../http/shapes.ts";
import type { DescribedRequest } from "../http-spans/server-attributes.ts";
import type { Scope } from "../scope/public-scope.ts";
import type { Emitter } from "./emitters.ts";
import type { SpanFinder } from "./server-span.ts";

/** What an adapter tells of a request. */
export interface InboundRequest extends DescribedRequest, HttpExchange {
  /** By lower-case name. */
  readonly header: HeaderGetter;
  /** The socket's remote address, never a forwarded one; undefined for a unix socket. */
  readonly peer: string | undefined;
  /** The request itself: the scope is noted on it and found by it, also where async context is gone. */
  readonly request: Emitter & DescribedRequest["request"];
  /** Its `finish` ends a server span of ours, its `close` the scope too. */
  readonly response: Emitter & AnsweringResponse;
  /** What the framework hands to its handlers, where it has no request as `req` or `raw`: the scope is found by it too. */
  readonly native?: object | undefined;
  /** The framework's route, asked for when the response is over. A template such as `/users/:id`, never a path. */
  readonly route?: (() => string | undefined) | undefined;
  /** For frameworks whose plugin makes the server span itself. */
  readonly serverSpan?: SpanFinder | undefined;
}

/** What we ask of a response that is over. */
export interface AnsweringResponse {
  readonly statusCode?: number | undefined;
  readonly headersSent?: boolean | undefined;
  /** False at the `finish` that HTTP/2 in Node emits also for a stream that broke off. */
  readonly writableEnded?: boolean | undefined;
  /** What the response was destroyed with. */
  readonly errored?: unknown;
}

/** A request that is being served. */
export interface OpenRequest {
  readonly scope: Scope;
  /** Runs the rest of the request in its scope. The result and the error are those of `fn`. */
  readonly run: <T>(fn: () => T) => T;
  /**
   * Ends the request where its response emits no `finish` and no `close`. Idempotent; the first outcome wins, the
   * events' too.
   */
  readonly end: (outcome: RequestOutcome) => void;
}
