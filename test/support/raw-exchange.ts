import { once } from "node:events";
import net from "node:net";
import type { WireResponse } from "../../testing/wire/client.ts";
import { WireReader } from "../../testing/wire/http-bytes.ts";

/**
 * Sends one GET over its own connection, to a port, an address or a unix socket. Each character of a header line is one
 * byte, so a test can send bytes that are not UTF-8.
 */
export async function exchangeRaw(target: net.NetConnectOpts, lines: readonly string[]): Promise<WireResponse> {
  const socket = net.connect(target);
  const reader = new WireReader();
  socket.write(["GET / HTTP/1.1", "host: 127.0.0.1", ...lines, "", ""].join("\r\n"), "latin1");
  try {
    for (;;) {
      // why: a socket without an encoding emits Buffers
      const [chunk] = (await once(socket, "data")) as [Buffer];
      const [message] = reader.push(chunk);
      if (message !== undefined) return { ...message, status: Number(message.start.split(" ")[1]) };
    }
  } finally {
    socket.destroy();
  }
}
