import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { LastLines } from "./last-lines.ts";
import type { Order, Report } from "./postgres/keeper.ts";

/** The shop's PostgreSQL. */
export interface Database {
  readonly url: string;
  /** Stops the server for a time, as in an outage. Only for a server that we started. */
  halt(): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL, or uses that of `DATABASE_URL`.
 *
 * @param onEnd called with the reason if the server ends by itself
 */
export async function startDatabase(signal: AbortSignal, onEnd: (error: Error) => void): Promise<Database> {
  const url = process.env["DATABASE_URL"];
  return url === undefined || url === "" ? embedded(signal, onEnd) : external(url);
}

async function embedded(signal: AbortSignal, onEnd: (error: Error) => void): Promise<Database> {
  const keeper = fork(fileURLToPath(new URL("./postgres/keeper.ts", import.meta.url)), {
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Not in the terminal's process group: Ctrl-C then reaches only the starting process, which stops the keeper last.
    detached: true,
  });
  const lines = new LastLines(keeper.stderr);
  let isStarted = false;
  let isStopping = false;

  const stop = async (): Promise<void> => {
    isStopping = true;
    if (keeper.exitCode !== null || keeper.signalCode !== null) return;
    const ended = once(keeper, "exit");
    keeper.kill("SIGTERM");
    await ended;
  };

  const failed = new Promise<never>((_, reject) => {
    keeper.once("close", (code, killer) => {
      const error = new Error(`PostgreSQL's keeper ended: ${killer ?? `exit ${code}`}. Its last lines:\n${lines.text}`);
      reject(error);
      if (isStarted && !isStopping) onEnd(error);
    });
  });
  failed.catch(() => undefined); // Whoever waits gets it; later it is said by onEnd.

  const reported = async (): Promise<Report> => {
    const [report] = await Promise.race([once(keeper, "message", { signal }), failed]);
    return report as Report; // why: keeper.ts sends nothing else
  };
  const tell = async (order: Order): Promise<void> => {
    keeper.send(order);
    await reported();
  };

  try {
    const report = await reported();
    if (!("url" in report)) throw new Error("PostgreSQL's keeper did not say its address");
    isStarted = true;
    return { url: report.url, halt: () => tell("halt"), resume: () => tell("resume"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function external(url: string): Promise<Database> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `DATABASE_URL names a PostgreSQL that cannot be used: ${reason}. ` +
        "Start it, correct the variable, or unset it: then the command starts a PostgreSQL itself.",
      { cause: error },
    );
  }
  const refuse = async (): Promise<never> => {
    throw new Error("DATABASE_URL names a server of your own, which is not stopped for a test");
  };
  return { url, halt: refuse, resume: refuse, stop: async () => undefined };
}
