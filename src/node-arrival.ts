import type { IncomingMessage, ServerResponse } from "node:http";
import type { Arrival } from "./open-request.ts";

/** node:http's request as an adapter tells of it. Nothing is read before it is asked for. */
export function arrivalOf(request: IncomingMessage, response: ServerResponse): Arrival {
  return {
    header: (name) => (Object.hasOwn(request.headers, name) ? request.headers[name] : undefined),
    get peer() {
      return request.socket?.remoteAddress;
    },
    request,
    response,
  };
}
