import { attempt, type CalledRequest, copyOfGiven, GivenHeaders, type OutboundRequest } from "../../../src/adapter.ts";

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
  readonly identity: object;
  #copy: Record<PropertyKey, unknown> | undefined;
  #headers: GivenHeaders | undefined;

  constructor(given: Options, handler: object) {
    this.#given = given;
    this.identity = handler;
  }

  readonly header = (name: string): readonly string[] => this.#read().lines(name);

  /** The options without an addition. */
  get options(): Options {
    if (this.#copy === undefined) return this.#given;
    const headers = this.#headers?.value;
    if (headers !== undefined) this.#copy["headers"] = headers;
    // why: a copy of the given ones
    return this.#copy as Options;
  }

  /** The options with the request's ticket and its `baggage`; if they cannot be read, the caller's own. */
  with(outboundRequest: OutboundRequest): Options {
    return attempt("egress", UNREADABLE, () => this.#with(outboundRequest)) ?? this.options;
  }

  #with(outboundRequest: OutboundRequest): Options {
    const headers = this.#read();
    const copy = this.#copyOnce();
    copy["headers"] = headers.with(outboundRequest, urlOf(copy));
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
 * The path is an absolute URL if the request goes to a proxy. Without an origin, a Client sends to its own, which it
 * does not show.
 */
function urlOf({ origin, path = "/" }: DispatchOptions): URL | null {
  if (typeof path !== "string") return null;
  if (!path.startsWith("/")) return URL.parse(path);
  const base = origin instanceof URL ? origin.href : origin;
  return typeof base === "string" ? URL.parse(`${base.replace(/\/$/, "")}${path}`) : null;
}
