import {
  attempt,
  type CalledRequest,
  copyOfGiven,
  type FirstDestination,
  GivenHeaders,
  type HeaderLines,
  type OutboundRequest,
} from "../../../src/adapter.ts";

/** The part of undici's dispatch options that the interceptor reads, in versions 6, 7 and 8; nothing has checked it yet. */
export interface DispatchOptions {
  readonly origin?: unknown;
  readonly path?: unknown;
  readonly method?: unknown;
  readonly headers?: unknown;
}

/** One dispatch. The options are read only if the request needs it, and the caller's object is not changed. */
export class DispatchCall<Options extends DispatchOptions> implements CalledRequest {
  readonly #given: Options;
  /**
   * undici's redirect and retry interceptors pass themselves as the handler, and pass the same object when they dispatch
   * again.
   */
  readonly handler: object;
  readonly hidesHandler: boolean;
  readonly isShared: boolean;
  readonly #ownOrigin: unknown;
  #copy: Record<PropertyKey, unknown> | undefined;
  #headers: GivenHeaders | undefined;

  /**
   * @param ownOrigin that of the dispatcher, if undici gives it
   * @param around whether layers below may hide the handler; whether others may be waiting for the same answer
   */
  constructor(
    given: Options,
    handler: object,
    ownOrigin: unknown,
    around: { readonly hidesHandler: boolean; readonly isShared: boolean },
  ) {
    this.#given = given;
    this.handler = handler;
    this.#ownOrigin = ownOrigin;
    this.hidesHandler = around.hidesHandler;
    this.isShared = around.isShared;
  }

  get header(): HeaderLines {
    return (name) => this.#read().lines(name);
  }

  get first(): FirstDestination {
    return firstOf(this.#copyOnce(), this.#ownOrigin);
  }

  /** The options without an addition. */
  get options(): Options {
    if (this.#copy === undefined) return this.#given;
    const headers = this.#headers?.value;
    if (headers !== undefined) this.#copy["headers"] = headers;
    // why: a copy of the given ones
    return this.#copy as Options;
  }

  /** The options with the headers that the request adds; if it adds none, or they cannot be read, the caller's own. */
  with(outboundRequest: OutboundRequest): Options {
    return attempt("egress", UNREADABLE, () => this.#with(outboundRequest)) ?? this.options;
  }

  #with(outboundRequest: OutboundRequest): Options | undefined {
    const { first } = this;
    if (!outboundRequest.adds(first)) return undefined;
    const headers = this.#read();
    const copy = this.#copyOnce();
    copy["headers"] = headers.with(outboundRequest, first);
    // why: a copy of the given ones
    return copy as Options;
  }

  #read(): GivenHeaders {
    this.#headers ??= new GivenHeaders(this.#copyOnce()["headers"], "flat");
    return this.#headers;
  }

  #copyOnce(): Record<PropertyKey, unknown> {
    this.#copy ??= copyOfGiven(this.#given);
    return this.#copy;
  }
}

const UNREADABLE = "the options of a dispatch could not be read, so the request passes nothing on";

/**
 * The path is an absolute URL if the request goes to a proxy. Without an origin, a Client sends to its own, which
 * undici 8 gives to interceptors and older ones do not show.
 */
function firstOf({ origin: given, path = "/" }: DispatchOptions, ownOrigin: unknown): FirstDestination {
  if (typeof path !== "string") return null;
  if (!path.startsWith("/")) return path;
  const origin = given ?? ownOrigin;
  const base = origin instanceof URL ? origin.href : origin;
  if (typeof base !== "string") return null;
  return base.endsWith("/") ? base.slice(0, -1) + path : base + path;
}
