// Runs as a process of its own, which keeps PostgreSQL. PostgreSQL does not notice that the process that started it has
// gone. This process does, by its channel: then it stops the server and removes its folder.
import { PostgresServer } from "./server.ts";

/** What the keeper is told. */
export type Order = "halt" | "resume";

/** What the keeper says: the server's address once it can be used, or the order that it has carried out. */
export type Report = { readonly url: string } | { readonly done: Order };

const starting = new AbortController();
const server = new PostgresServer();
let stopping = false;

async function start(): Promise<void> {
  await server.create(starting.signal);
  await server.start();
  report({ url: server.url });
}

async function end(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  starting.abort();
  try {
    // What still starts would write to the folder that is removed.
    await started.catch(() => undefined);
    await server.stop();
  } finally {
    await server.remove();
  }
  process.exit(exitCode);
}

function fail(error: unknown): void {
  if (stopping) return;
  console.error(error instanceof Error ? error.message : error);
  void end(1);
}

function report(message: Report): void {
  // If nobody hears it any more, "disconnect" ends this process.
  process.send?.(message, () => undefined);
}

async function carryOut(order: Order): Promise<void> {
  await (order === "halt" ? server.stop() : server.start());
  report({ done: order });
}

// All of these come before the start, which makes the folder: a signal that nobody handles would leave it behind.
process.on("SIGTERM", () => void end(0));
process.on("disconnect", () => void end(0));
process.on("message", (order: Order) => void carryOut(order).catch(fail));
server.onEnd = fail;
const started = start();
started.catch(fail);
// The starting process may be gone already: then the event has been, and does not come again.
if (!process.connected) void end(0);
