import type { Socket } from "node:net";

/** Returns a header by its lower-case name. */
export type HeaderGetter = (name: string) => string | readonly string[] | undefined;

/** The facts by which `trustInbound` judges a request or a message. */
export interface Caller {
  readonly header: HeaderGetter;
  /** The socket's remote address; undefined for a unix socket, an injected request and a message. */
  readonly peer: string | undefined;
}

/** A caller that may be able to list its headers. */
export interface ListingCaller extends Caller {
  /** Whether there is a header whose lower-case name is in the set. */
  hasHeaderOf?(names: ReadonlySet<string>): boolean;
}

/** The properties that a server reads from node:http's request. */
export interface ArrivedRequest {
  readonly socket?: Socket | undefined;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The whole URL, in frameworks that strip a mount path from `url`. */
  readonly originalUrl?: string | undefined;
}

/** A scope's request and response, as far as a cookie store needs them. */
export interface HttpExchange {
  readonly header: HeaderGetter;
  /** The socket's remote address. */
  readonly peer?: string | undefined;
  /** The same object for all instances that serve the request. */
  readonly request: object;
  /**
   * Adds a `Set-Cookie` line; an earlier line for the same cookie is replaced. False if the headers are already sent.
   * `sent` is called when the headers are written with the line, once or more.
   */
  readonly setCookie?: (name: string, line: string, sent?: () => void) => boolean;
}

/** A cookie for a response. */
export interface ResponseCookie {
  readonly name: string;
  /** The value of `Set-Cookie`: name, value and attributes. */
  readonly line: string;
  /** Called when the headers are written with the line, once or more; not if the response goes out without the line. */
  readonly sent?: (() => void) | undefined;
}

/** How a request ended. */
export interface RequestOutcome {
  /** The status that was sent; undefined if the connection broke before that. */
  readonly status?: number | undefined;
  /** The error, or its name, that broke the response off; undefined if the whole response was sent. */
  readonly error?: unknown;
}
