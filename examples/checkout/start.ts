// `npm start`: runs the shop, sends shoppers through it, and says what their telemetry shows.
import { type Arguments, readArguments, USAGE } from "./system/arguments.ts";
import { Interruption } from "./system/interruption.ts";
import { runJob } from "./system/job.ts";

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
    console.error(`\n${messageOf(error)}`);
    return error instanceof Interruption ? error.exitCode : 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
