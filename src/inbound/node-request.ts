import type { IncomingMessage, ServerResponse } from "node:http";
import type { InboundRequest } from "./inbound-request.ts";
import { keepCookie, setCookie } from "./response-cookies.ts";

/** The details of a request that node:http does not have. */
export type NodeRequestDetails = Pick<InboundRequest, "native" | "route" | "serverSpan" | "setCookie" | "url">;

/** Describes node:http's request to the core. Properties are read on use. */
export function fromNodeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  details?: NodeRequestDetails,
): InboundRequest {
  return {
    setCookie(name, line, sent) {
      const isSet = details?.setCookie?.(name, line) ?? setCookie(response, name, line);
      if (isSet) keepCookie(response, { name, line, sent });
      return isSet;
    },
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
