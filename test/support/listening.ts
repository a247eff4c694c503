import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import type { InboundServer } from "otel-experiments/testing";

/** The part of node:http's server that is used here, for all kinds of request and response. */
type HttpServer = Server & { closeAllConnections(): void };

/** Makes a server listen on a free port, of IPv4's loopback unless another address is given, and gives the port. */
export async function startListening(server: Server, address = "127.0.0.1"): Promise<number> {
  server.listen(0, address);
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  return (server.address() as AddressInfo).port;
}

/** Listens on a free port of loopback; closing ends the open connections too. */
export async function listen(server: HttpServer): Promise<InboundServer> {
  return {
    port: await startListening(server),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
