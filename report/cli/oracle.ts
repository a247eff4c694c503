import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Answer } from "./answer.ts";
import { Input, InputError } from "./input.ts";
import { type Figures, figuresOf, testNames } from "./oracle-tests.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments-report oracle FILE

Prints what the report's statistics give for the inputs of a JSON file, as { "<id>": figures }, to compare them with
another program's. The file is a list of rows:

  { "id": "wilson-1", "test": "Wilson score interval, 95%", "input": { "successes": 10, "trials": 50 } }

Other fields of a row are ignored. A figure that the input does not determine is null. If a row cannot be read, the
others are printed, the error goes to stderr, and the exit code is 1.

Tests, with a number for each <name>:

${testNames.map((name) => `  ${name}`).join("\n")}
`;

/** The figures of each row of a file, as JSON. */
export async function oracle(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parsed(args);
  if (values.help === true) return { text: USAGE, complaints: "", exitCode: 0 };
  const [file, ...others] = positionals;
  if (file === undefined) throw new UsageError(`no file is named\n\n${USAGE}`);
  if (others.length > 0) throw new UsageError(`name one file, not ${positionals.length}\n\n${USAGE}`);
  const figures = new Map<string, Figures>();
  const complaints: string[] = [];
  for (const [i, row] of (await rowsIn(file)).entries()) {
    try {
      const id = textOf(row, "id", `row ${i}`);
      if (figures.has(id)) throw new InputError(`${JSON.stringify(id)} is the id of two rows`);
      figures.set(id, figuresIn(row, id));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      complaints.push(`otel-experiments-report: ${file}: ${error.message}\n`);
    }
  }
  const text = `${JSON.stringify(Object.fromEntries(figures), undefined, 2)}\n`;
  return { text, complaints: complaints.join(""), exitCode: complaints.length > 0 ? 1 : 0 };
}

function parsed(args: readonly string[]) {
  try {
    const options = { help: { type: "boolean", short: "h" } } as const;
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

async function rowsIn(file: string): Promise<readonly unknown[]> {
  const text = await readFile(file, "utf8");
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!Array.isArray(rows)) throw new Error(`${file} is not a list of rows: its JSON begins with no [`);
  return rows;
}

function figuresIn(row: unknown, id: string): Figures {
  try {
    return figuresOf(textOf(row, "test", "it"), new Input(valueOf(row, "input"), "input"));
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${id}: ${error.message}`, { cause: error });
    throw error;
  }
}

function textOf(row: unknown, name: string, what: string): string {
  const value = valueOf(row, name);
  if (typeof value !== "string") throw new InputError(`${what} has no ${JSON.stringify(name)} that is a text`);
  return value;
}

function valueOf(row: unknown, name: string): unknown {
  if (typeof row !== "object" || row === null) return undefined;
  return Object.hasOwn(row, name) ? Reflect.get(row, name) : undefined;
}
