#!/usr/bin/env node
import { describe } from "./describe.ts";
import { override } from "./override.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments <command>

  override KEY=VARIANT…   signs an override that forces variants for tests by hand
  describe MODULE         prints what a module declares: experiments, and the fields that services share

  otel-experiments <command> --help says more.
`;

const commands: { readonly [name: string]: (args: readonly string[]) => Promise<string> } = { override, describe };

const [name = "--help", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
try {
  if (command !== undefined) process.stdout.write(`${await command(args)}\n`);
  else if (name === "--help" || name === "-h") process.stdout.write(USAGE);
  else throw new UsageError(`there is no command ${JSON.stringify(name)}\n\n${USAGE}`);
} catch (error) {
  process.stderr.write(`otel-experiments: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
