import type { HeaderGetter } from "../policy/trust.ts";

/** The request and the response of a scope, as far as a store of ours needs them. */
export interface HttpExchange {
  readonly header: HeaderGetter;
  /** The same object for all instances that serve the request. */
  readonly request: object;
  /** Puts a `Set-Cookie` line in the place of an earlier one for the same cookie. False where the headers have been sent. */
  readonly setCookie?: (name: string, line: string) => boolean;
}
