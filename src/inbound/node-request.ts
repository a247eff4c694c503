import type { IncomingMessage, ServerResponse } from "node:http";
import type { InboundRequest } from "./inbound-request.ts";

/** The details of a request that node:http does not have. */
export type NodeRequestDetails = Pick<InboundRequest, "native" | "route" | "serverSpan" | "setCookie" | "url">;

/** Describes node:http's request to the core. Properties are read on use. */
export function fromNodeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  details?: NodeRequestDetails,
): InboundRequest {
  return {
    setCookie: details?.setCookie ?? ((name, line) => setCookie(response, name, line)),
    header: (name) => (Object.hasOwn(request.headers, name) ? request.headers[name] : undefined),
    get peer() {
      return request.socket?.remoteAddress;
    },
    request,
    response,
    url: details?.url,
    native: details?.native,
    route: details?.route,
    serverSpan: details?.serverSpan,
  };
}

function setCookie(response: ServerResponse, name: string, line: string): boolean {
  if (response.headersSent) return false;
  response.setHeader("set-cookie", withCookie(response.getHeader("set-cookie"), name, line));
  return true;
}

/** The `Set-Cookie` lines of a response with one more, which replaces an earlier one for the same cookie. */
export function withCookie(
  lines: number | string | readonly string[] | undefined,
  name: string,
  line: string,
): string[] {
  const present = typeof lines === "object" ? lines : lines === undefined ? [] : [String(lines)];
  return [...present.filter((other) => !other.startsWith(`${name}=`)), line];
}
