import type { Socket } from "node:net";

/** A header by its lower-case name, as an adapter gives it. */
export type HeaderGetter = (name: string) => string | readonly string[] | undefined;

/** The facts by which `trustInbound` judges a request or a message. */
export interface Caller {
  readonly header: HeaderGetter;
  /** The socket's remote address; undefined for a unix socket, an injected request and a message. */
  readonly peer: string | undefined;
}

/** The properties of node:http's request that are read on the server. */
export interface ArrivedRequest {
  readonly socket?: Socket | undefined;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The whole URL, in frameworks that strip a mount path from `url`. */
  readonly originalUrl?: string | undefined;
}

/** The request of a scope and its response, as far as a cookie store needs them. */
export interface HttpExchange {
  readonly header: HeaderGetter;
  /** The same object for all instances that serve the request. */
  readonly request: object;
  /** Puts a `Set-Cookie` line in the place of an earlier one for the same cookie. False once the headers are sent. */
  readonly setCookie?: (name: string, line: string) => boolean;
}

/** How a request ended. */
export interface RequestOutcome {
  /** The status that was sent; undefined if the connection broke before one was. */
  readonly status?: number | undefined;
  /** The error or its name that broke the response off; undefined if the response was sent as a whole. */
  readonly error?: unknown;
}
