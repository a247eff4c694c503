// What each service does in the same way: it reads its settings, logs, listens, and stops in order.
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";

/** Open requests have this time when the service stops; then they are cut off. */
const GRACE_MS = 2_000;

/** If a stop takes longer, such as when nobody takes the telemetry any more, the process ends all the same. */
const STOP_LIMIT_MS = 6_000;

/** How long a service waits for another one, or for a connection to the database. */
export const PATIENCE_MS = Number(process.env["PATIENCE_MS"] ?? 3_000);

export const log = pino();

/** A setting that the service cannot do without. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set; the service needs it to start`);
  return value;
}

/** The origin of another service, such as `http://127.0.0.1:4001`. */
export function originOf(name: `${string}_URL`): string {
  return new URL(required(name)).origin;
}

/** The networks whose variants a service behind the gateway believes. */
export function trustedNetworks(): readonly string[] {
  return (process.env["TRUST_INBOUND"] ?? "127.0.0.1/32").split(",").map((network) => network.trim());
}

/**
 * Listens, tells the process that started this one the port, and serves until that process or a signal ends it.
 *
 * @param close what is closed when the last request is over, in this order
 */
export async function serve(server: Server, ...close: readonly (() => unknown)[]): Promise<void> {
  const { HOST = "127.0.0.1", PORT = "0" } = process.env;
  server.listen(Number(PORT), HOST);
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  log.info({ port }, "the service listens");
  process.send?.({ port });

  let stopping: Promise<void> | undefined;
  const stop = (reason: string): void => {
    stopping ??= stopInOrder(server, close, reason);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  process.once("disconnect", () => stop("the starting process is gone"));
  // It may be gone already: then the event has been and does not come again.
  if (process.send !== undefined && !process.connected) stop("the starting process is gone");
}

async function stopInOrder(server: Server, close: readonly (() => unknown)[], reason: string): Promise<void> {
  log.info({ reason }, "the service stops");
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  try {
    server.close();
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
    await once(server, "close");
    for (const one of close) await one();
    process.exit(0);
  } catch (err) {
    log.error({ err }, "the service did not stop in order");
    process.exit(1);
  }
}
