#!/usr/bin/env node
import { describe } from "./describe.ts";
import { override } from "./override.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments <command>

  override KEY=VARIANT…   signs an override that forces variants for tests by hand
  describe MODULE         prints what a module declares: experiments, and the fields that services share

  otel-experiments <command> --help shows its options.
`;

const commands: { readonly [name: string]: (args: readonly string[]) => Promise<string> } = { override, describe };

const [name = "--help", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
let exitCode = 0;
try {
  if (command !== undefined) await write(process.stdout, `${await command(args)}\n`);
  else if (name === "--help" || name === "-h") await write(process.stdout, USAGE);
  else throw new UsageError(`there is no command ${JSON.stringify(name)}\n\n${USAGE}`);
} catch (error) {
  exitCode = error instanceof UsageError ? 2 : 1;
  await write(process.stderr, `otel-experiments: ${error instanceof Error ? error.message : String(error)}\n`);
}
// A described module may still have timers and servers.
process.exit(exitCode);

/**
 * Waits until the text is written: otherwise the end of the process would lose text that goes to a pipe. Resolves also
 * if the stream is closed.
 */
function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write(text, () => resolve());
  });
}
