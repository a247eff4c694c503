// `npm start`: runs the shop, sends shoppers through it, and says what their telemetry shows.
import { type Arguments, readArguments, USAGE } from "./system/arguments.ts";
import { runJob } from "./system/job.ts";

/** Ends the command with a shell's exit code for a signal: 128 plus its number. */
class Interruption extends Error {
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM", exitCode: number) {
    super(`Stopped by ${signal}, and every process with it.`);
    this.exitCode = exitCode;
  }
}

/** @returns the exit code */
async function main(): Promise<number> {
  const job = new AbortController();
  process.on("SIGINT", () => job.abort(new Interruption("SIGINT", 130)));
  process.on("SIGTERM", () => job.abort(new Interruption("SIGTERM", 143)));

  let args: Arguments;
  try {
    args = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (args.help) {
    console.log(USAGE);
    return 0;
  }

  try {
    return (await runJob(args, job)) ? 0 : 1;
  } catch (error) {
    // If the job was aborted, what failed then is a consequence.
    const reason: unknown = job.signal.aborted ? job.signal.reason : error;
    console.error(`\n${messageOf(reason)}`);
    return reason instanceof Interruption ? reason.exitCode : 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
