/**
 * Measures what a process pays per request: see `USAGE`. Each program runs in a process of its own, from the built
 * package, and keeps its own accounts: CPU time from the operating system, memory and collections from V8.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CLIENTS, type Form, FRAMEWORKS, KINDS, type Kind, TELEMETRIES, type Telemetry } from "./cases.ts";
import { CALL_LIMITS, type Name, type Row, rowOf, serverLimits } from "./figures.ts";
import { CallerProcess, Generator, ServerProcess } from "./processes.ts";
import { alternate, type Subject } from "./rounds.ts";
import { countsOf, tableOf } from "./table.ts";

const SERVERS = "servers";
const CALLS = "calls";
const lists: readonly (readonly string[])[] = [[SERVERS, CALLS], FRAMEWORKS, CLIENTS, TELEMETRIES, KINDS];

const USAGE = `Usage: npm run bench -- servers [options]

Measures what a request costs a server, and what an outgoing call costs: CPU time, bytes, collections. Without options
it takes less than three minutes. Exits with 1 if a figure is over its limit. On another Node:
/path/to/node --expose-gc bench/run.ts servers

  --only WORDS   only these cases; words of one line choose among each other, words of several lines narrow
                   ${lists.map((list) => list.join(", ")).join("\n                   ")}
                 sdk-framework runs only if it is named
  --seconds N    the length of one period (default: 0.25)
  --rounds N     the number of periods of each process and kind of request (default: 5)
  --json FILE    writes the figures to this file too
  --help         shows this

Examples: npm run bench -- servers --only express,sdk
          npm run bench -- servers --only calls,fetch --seconds 1`;

interface Options {
  readonly words: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly json: string | undefined;
}

/** Runs the bench that the command line asks for. */
export async function measureServers(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === undefined) return;
  const steps = stepsOf(options);
  const rows: Row[] = [];
  const started = performance.now();
  await using generator = new Generator();
  for (const [index, { name, measure }] of steps.entries()) {
    console.error(`[${index + 1}/${steps.length}, ${((performance.now() - started) / 1000).toFixed(0)} s] ${name}`);
    rows.push(...(await measure(generator)));
  }
  const counts = countsOf(rows);
  console.log(`\n${tableOf(rows)}\n\n${counts.ok} ok, ${counts.over} over, ${counts.unsure} unsure`);
  if (options.json !== undefined) {
    const { seconds, rounds } = options;
    writeFileSync(
      options.json,
      `${JSON.stringify({ node: process.version, seconds, rounds, counts, rows }, null, 2)}\n`,
    );
  }
  if (counts.over > 0) process.exitCode = 1;
}

function readOptions(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", default: "" },
        seconds: { type: "string", default: "0.25" },
        rounds: { type: "string", default: "5" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      return undefined;
    }
    const words = values.only.split(",").filter((word) => word !== "");
    const unknown = words.filter((word) => !lists.flat().includes(word));
    if (unknown.length > 0) throw new Error(`--only ${unknown.join(",")} is unknown`);
    const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
    if (!(seconds > 0)) throw new Error(`--seconds is "${values.seconds}"; write a number above 0`);
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is "${values.rounds}"; write 1 or more`);
    return { words, seconds, rounds, json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

interface Step {
  readonly name: string;
  readonly measure: (generator: Generator) => Promise<readonly Row[]>;
}

function stepsOf(options: Options): readonly Step[] {
  const { words } = options;
  const isChosen = (list: readonly string[], word: string): boolean =>
    words.includes(word) || !list.some((other) => words.includes(other));
  const telemetries = TELEMETRIES.filter(
    (telemetry) => isChosen(TELEMETRIES, telemetry) && (telemetry !== "sdk-framework" || words.includes(telemetry)),
  );
  const isNamed = (list: readonly string[]): boolean => list.some((word) => words.includes(word));
  const wantsServers = isChosen([SERVERS, CALLS], SERVERS) && (!isNamed(CLIENTS) || isNamed(FRAMEWORKS));
  const wantsCalls = isChosen([SERVERS, CALLS], CALLS) && (!isNamed([...FRAMEWORKS, ...KINDS]) || isNamed(CLIENTS));
  const servers = FRAMEWORKS.filter((framework) => wantsServers && isChosen(FRAMEWORKS, framework)).flatMap(
    (framework) =>
      telemetries
        // node:http has no instrumentation of a framework.
        .filter((telemetry) => framework !== "http" || telemetry !== "sdk-framework")
        .map((telemetry) => {
          const kinds = KINDS.filter(
            (kind) =>
              isChosen(KINDS, kind) && (kind !== "proxying" || (framework === "http" && telemetry === "no-sdk")),
          );
          const name = `${framework}, ${telemetry}`;
          const measure = (generator: Generator): Promise<readonly Row[]> =>
            measureServer({ framework, telemetry, kinds }, generator, options);
          return { name, measure };
        }),
  );
  // Instrumentations of clients cost the same in all forms, so a call is measured with them on request only.
  const callTelemetries: readonly Telemetry[] = isNamed(TELEMETRIES) ? telemetries : ["no-sdk"];
  const calls = CLIENTS.filter((client) => wantsCalls && isChosen(CLIENTS, client)).flatMap((client) =>
    callTelemetries.map((telemetry) => {
      const measure = (generator: Generator): Promise<readonly Row[]> =>
        measureCalls({ client, telemetry }, generator, options);
      return { name: `calls of ${client}, ${telemetry}`, measure };
    }),
  );
  return [...servers, ...calls];
}

interface ServerCase {
  readonly framework: (typeof FRAMEWORKS)[number];
  readonly telemetry: Telemetry;
  readonly kinds: readonly Kind[];
}

async function measureServer(
  { framework, telemetry, kinds }: ServerCase,
  generator: Generator,
  { rounds, seconds }: Options,
): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const { origin } = await generator.open();
  const processes = new Map<Name, ServerProcess>();
  const hand: readonly (readonly [Name, Form])[] = telemetry === "no-sdk" ? [] : [["hand", "hand"]];
  const names: readonly (readonly [Name, Form])[] = [["bare", "bare"], ["ours", "ours"], ...hand, ["again", "bare"]];
  for (const [name, form] of names) {
    processes.set(name, stack.use(new ServerProcess({ framework, telemetry, form, origin }, generator.load)));
  }
  const rows: Row[] = [];
  for (const kind of kinds) {
    const subjects = new Map<Name, Subject>();
    for (const [name, one] of processes) if (name !== "hand" || kind === "own") subjects.set(name, one.under(kind));
    const periods = await alternate(subjects, rounds, { seconds });
    rows.push(
      rowOf(
        { subject: `${framework}, ${telemetry}`, request: kind },
        periods,
        serverLimits(framework, telemetry, kind),
      ),
    );
  }
  return rows;
}

interface CallCase {
  readonly client: (typeof CLIENTS)[number];
  readonly telemetry: Telemetry;
}

async function measureCalls(
  { client, telemetry }: CallCase,
  generator: Generator,
  { rounds, seconds }: Options,
): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const { origin } = await generator.open();
  const subjects = new Map<Name, Subject>();
  const names: readonly (readonly [Name, Form])[] = [
    ["bare", "bare"],
    ["guarded", "guarded"],
    ["ours", "ours"],
    ["again", "bare"],
  ];
  for (const [name, form] of names) {
    subjects.set(name, stack.use(new CallerProcess({ client, telemetry, form, origin }, generator)));
  }
  const periods = await alternate(subjects, rounds, { seconds });
  return [rowOf({ subject: `${client}, ${telemetry}`, request: "outgoing" }, periods, CALL_LIMITS)];
}
