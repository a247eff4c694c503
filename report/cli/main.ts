import type { Answer } from "./answer.ts";
import { oracle } from "./oracle.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments-report <command>

  oracle FILE    prints what the report's statistics give for the inputs of a file

  otel-experiments-report <command> --help shows its options.
`;

const commands: { readonly [name: string]: (args: readonly string[]) => Promise<Answer> } = { oracle };

const answer = await answerTo(process.argv.slice(2));
await write(process.stdout, answer.text);
await write(process.stderr, answer.complaints);
process.exitCode = answer.exitCode;

async function answerTo([name = "--help", ...args]: readonly string[]): Promise<Answer> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command !== undefined) return await command(args);
    if (name === "--help" || name === "-h") return { text: USAGE, complaints: "", exitCode: 0 };
    throw new UsageError(`there is no command ${JSON.stringify(name)}\n\n${USAGE}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const complaints = `otel-experiments-report: ${message.trimEnd()}\n`;
    return { text: "", complaints, exitCode: error instanceof UsageError ? 2 : 1 };
  }
}

/** Resolves when the text is written, or if nobody reads the stream any more. */
function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write(text, () => resolve());
  });
}
