import type { IncomingMessage, ServerResponse } from "node:http";
import type { InboundRequest } from "./inbound-request.ts";

/** What a framework adds to what node:http shows. */
export type NodeRequestDetails = Pick<InboundRequest, "native" | "route" | "serverSpan" | "setCookie" | "url">;

/** node:http's request as an adapter tells of it. Nothing is read before it is asked for. */
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

/** The `Set-Cookie` lines of a response, with one more in the place of an earlier one for the same cookie. */
export function withCookie(
  lines: number | string | readonly string[] | undefined,
  name: string,
  line: string,
): string[] {
  const present = typeof lines === "object" ? lines : lines === undefined ? [] : [String(lines)];
  return [...present.filter((other) => !other.startsWith(`${name}=`)), line];
}
