import type { IncomingMessage, ServerResponse } from "node:http";
import type { Arrival } from "../../src/adapter.ts";

/** node:http's request as the core sees one. Every framework of this folder hands one on. Read only when it is asked for. */
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
