import { once } from "node:events";
import net from "node:net";
import { headerValues, type WireMessage, WireReader } from "./http-bytes.ts";

/** The server's answer: status, header lines and body. */
export interface WireAnswer {
  readonly status?: number;
  readonly lines?: readonly string[];
  readonly body?: string;
}

/** A server that records each request, byte for byte. */
export interface WireServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** Every request that arrived, in order. */
  readonly requests: readonly WireMessage[];
  /** The `baggage` lines of the requests so far, a list for each. */
  baggage(): readonly (readonly string[])[];
  clear(): void;
  close(): Promise<void>;
}

/** Listens on a free port of loopback. */
export async function startWireServer(
  answer: (request: WireMessage) => WireAnswer | Promise<WireAnswer> = () => ({}),
): Promise<WireServer> {
  const requests: WireMessage[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const reader = new WireReader();
    let previous: Promise<void> = Promise.resolve();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      for (const request of reader.push(chunk)) {
        requests.push(request);
        previous = previous.then(async () => {
          const { status = 200, lines = [], body = "" } = await answer(request);
          const head = [`HTTP/1.1 ${status} Answer`, `content-length: ${Buffer.byteLength(body)}`, ...lines];
          if (!socket.destroyed) socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
        });
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    baggage: () => requests.map(({ lines }) => headerValues(lines, "baggage")),
    clear: () => void requests.splice(0),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
