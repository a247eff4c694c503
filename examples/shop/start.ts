// `npm start`: runs a shop of three services and a third party, sends shoppers through it, and reports on the exported
// telemetry.
import { readArguments, USAGE } from "./arguments.ts";
import { runShop } from "./job.ts";

/** Ends the job with a shell's exit code for a signal: 128 plus its number. */
class Interruption extends Error {
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM", exitCode: number) {
    super(`Stopped by ${signal}, and every service with it.`);
    this.exitCode = exitCode;
  }
}

/** @returns the exit code */
async function main(): Promise<number> {
  const job = new AbortController();
  process.on("SIGINT", () => job.abort(new Interruption("SIGINT", 130)));
  process.on("SIGTERM", () => job.abort(new Interruption("SIGTERM", 143)));

  let shoppers: number;
  try {
    const args = readArguments(process.argv.slice(2));
    if (args.help) {
      console.log(USAGE);
      return 0;
    }
    ({ shoppers } = args);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }

  try {
    const report = await runShop(shoppers, job);
    console.log(report.text);
    return report.ok ? 0 : 1;
  } catch {
    const reason: unknown = job.signal.reason;
    console.error(`\n${messageOf(reason)}`);
    return reason instanceof Interruption ? reason.exitCode : 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
