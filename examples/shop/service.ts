import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { shutdownTelemetry } from "./telemetry.ts";

/** Requests that take longer than this are cut off when the service stops. */
const GRACE_MS = 2_000;

interface Closable {
  close(): unknown;
}

/**
 * Tells the starting process the port, and serves until it says stop. If it is gone, so is the service.
 *
 * @param resources what the service has opened, closed when it stops
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
  // A server span ends with its response, so that the last of them are there only now.
  await once(server, "close");
  for (const resource of resources) await resource.close();
  await shutdownTelemetry();
  process.exit(0);
}

/** Where another service listens, as the starting process found it out. */
export function addressOf(variable: `${string}_URL`): string {
  const url = process.env[variable];
  if (url === undefined) throw new Error(`${variable} is not set; start the shop with: npm start`);
  return url;
}
