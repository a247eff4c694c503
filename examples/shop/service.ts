import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { shutdownTelemetry } from "./telemetry.ts";

/** Open requests get this time when the service stops; then they are cut off. */
const GRACE_MS = 2_000;

interface Closable {
  close(): unknown;
}

/**
 * Sends the port to the starting process, and serves until that process sends a message. If that process has ended, the
 * service exits.
 *
 * @param resources the open resources of the service, closed when it stops
 */
export async function announce(server: Server, ...resources: readonly Closable[]): Promise<void> {
  process.once("disconnect", () => process.exit(1));
  process.once("message", () => void stop(server, resources));
  if (!server.listening) await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  process.send?.({ port }, (error: Error | null) => {
    if (error !== null) process.exit(1);
  });
}

async function stop(server: Server, resources: readonly Closable[]): Promise<void> {
  server.close();
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  // A server span ends with its response, so the last spans exist only now.
  await once(server, "close");
  for (const resource of resources) await resource.close();
  await shutdownTelemetry();
  process.exit(0);
}

/** The address of another service, which the starting process sets as an environment variable. */
export function addressOf(variable: `${string}_URL`): string {
  const url = process.env[variable];
  if (url === undefined) throw new Error(`${variable} is not set; start the shop with: npm start`);
  return url;
}
