import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { selfSigned } from "./self-signed.ts";

/**
 * A server that records requests, and several ports and a proxy that lead to it. `/go/STATUS/URL` is answered with a
 * redirect.
 */
export interface Network {
  readonly server: WireServer;
  /** The server's own port of 127.0.0.1. */
  readonly port: number;
  /** Another port of 127.0.0.1 that leads to it. */
  readonly otherPort: number;
  /** A port of ::1 that leads to it; undefined where there is no IPv6. */
  readonly port6: number | undefined;
  /** A port with TLS and a self-signed certificate. */
  readonly tlsPort: number;
  readonly socketPath: string;
  /** A proxy that tunnels every target to the server, or to its port for TLS. */
  readonly proxyPort: number;
  /** The heads of the requests to the proxy. */
  readonly tunnels: string[];
  close(): Promise<void>;
}

export async function startNetwork(): Promise<Network> {
  const server = await startWireServer(({ start }) => {
    const [, kind, status, target = ""] = (start.split(" ")[1] ?? "").replace(/^https?:\/\/[^/]+/, "").split("/");
    if (kind !== "go") return {};
    return { status: Number(status), lines: [`location: ${decodeURIComponent(target)}`] };
  });
  const { port } = server;
  const folder = mkdtempSync(join(tmpdir(), "outbound-"));
  const socketPath = join(folder, "socket");
  const other = await listen(net.createServer(relayTo(port)), { host: "127.0.0.1", port: 0 });
  const six = await listen(net.createServer(relayTo(port)), { host: "::1", port: 0 }).catch(() => undefined);
  const secure = await listen(tls.createServer(selfSigned(), relayTo(port)), { host: "127.0.0.1", port: 0 });
  const unix = await listen(net.createServer(relayTo(port)), { path: socketPath });
  const tunnels: string[] = [];
  const proxy = await listen(net.createServer(tunnelTo(port, portOf(secure), tunnels)), { host: "127.0.0.1", port: 0 });
  const listeners = [other, six, secure, unix, proxy];
  return {
    server,
    port,
    otherPort: portOf(other),
    port6: six === undefined ? undefined : portOf(six),
    tlsPort: portOf(secure),
    socketPath,
    proxyPort: portOf(proxy),
    tunnels,
    close: async () => {
      await server.close();
      for (const listener of listeners) {
        if (listener === undefined) continue;
        listener.close();
        await once(listener, "close");
      }
      rmSync(folder, { recursive: true });
    },
  };
}

async function listen(server: net.Server, at: net.ListenOptions): Promise<net.Server> {
  server.listen(at);
  await once(server, "listening");
  return server;
}

function portOf(server: net.Server): number {
  // why: a server on a TCP port has an address of this form
  return (server.address() as net.AddressInfo).port;
}

/** Relays bytes in both directions. If one end closes, the other one closes too. */
function relayTo(port: number): (socket: net.Socket) => void {
  return (socket) => splice(socket, net.connect(port, "127.0.0.1"));
}

function splice(one: net.Socket, other: net.Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

function tunnelTo(port: number, tlsPort: number, tunnels: string[]): (socket: net.Socket) => void {
  return (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (head) => {
      tunnels.push(head.toString("latin1"));
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.once("data", (first: Buffer) => {
        socket.pause();
        socket.unshift(first);
        splice(socket, net.connect(first[0] === TLS_HANDSHAKE ? tlsPort : port, "127.0.0.1"));
      });
    });
  };
}

/** RFC 8446, section 5.1: the first byte of a ClientHello. */
const TLS_HANDSHAKE = 22;
