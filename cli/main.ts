#!/usr/bin/env node
import { VERSION } from "../src/version.ts";
import type { Answer } from "./answer.ts";
import { describe } from "./describe.ts";
import { explain } from "./explain.ts";
import { override } from "./override.ts";
import { UsageError } from "./usage-error.ts";
import { verify } from "./verify.ts";

const USAGE = `Usage: otel-experiments <command>

  describe MODULE         prints what a module declares: experiments, and the fields that services share
  explain MODULE URL…     says whether a module's experiments would be passed on to a URL, and why not
  override KEY=VARIANT…   signs an override that forces variants for tests by hand
  verify TOKEN            says what an override forces, for whom and until when, and whether it counts

  otel-experiments --version prints the version.
  otel-experiments <command> --help shows its options.
`;

const commands: { readonly [name: string]: (args: readonly string[]) => Promise<string | Answer> } = {
  describe,
  explain,
  override,
  verify,
};

const [name = "--help", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
let exitCode = 0;
try {
  if (command !== undefined) {
    const output = await command(args);
    const { text, isYes } = typeof output === "string" ? { text: output, isYes: true } : output;
    if (!isYes) exitCode = 1;
    await write(process.stdout, `${text}\n`);
  } else if (name === "--version" || name === "-v") await write(process.stdout, `${VERSION}\n`);
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
