import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import type { InboundServer } from "otel-experiments/testing";

/** The part of node:http's server that is used here, for all kinds of request and response. */
type HttpServer = Server & { closeAllConnections(): void };

/** Listens on a free port of loopback. Closing also ends open connections. */
export async function listen(server: HttpServer): Promise<InboundServer> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
