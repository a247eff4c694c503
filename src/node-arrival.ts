import type { IncomingMessage, ServerResponse } from "node:http";
import type { Arrival } from "./open-request.ts";

/** What a framework adds to what node:http shows. */
export type ArrivalDetails = Pick<Arrival, "native" | "route" | "serverSpan" | "url">;

/** node:http's request as an adapter tells of it. Nothing is read before it is asked for. */
export function arrivalOf(request: IncomingMessage, response: ServerResponse, details?: ArrivalDetails): Arrival {
  return {
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
