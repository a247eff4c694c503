/**
 * Runs the suites on each line of OpenTelemetry's SDK and on each Node that the package supports: see `USAGE`. The last
 * line counts what passed and failed, over all combinations.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cp, symlink } from "node:fs/promises";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Exception, exceptionsOf, idOf } from "../test/system/matrix/exceptions.ts";
import { CURRENT } from "../test/system/matrix/left-out.ts";
import { type Majors, major, versionIn } from "../test/system/matrix/majors.ts";
import { runCommand, scratchFolder, stopOnSignals } from "./command.ts";
import { installed, nodes, type PackageSet, relock, sdk2, workspaces } from "./package-set.ts";
import { reportingTo, resultOf, type SuitesResult } from "./suites.ts";
import { inWords, sumOf, type Tally } from "./tally.ts";

const SDKS = [2, 3];
const NODES = [22, 24, 26];

const USAGE = `Usage: npm run test:matrix -- [options] [test files]

Runs the suites on OpenTelemetry SDK ${SDKS.join(" and ")}, each on Node ${NODES.join(", ")}, on copies of the project in a temporary
folder. The installed packages stay in a cache, so the next run is quick.

  --sdk N         only this line of the SDK; may be given several times
  --node N        only this Node; may be given several times
  --others        all combinations except that of npm test: SDK 3 on Node 24
  --cache FOLDER  where to install; node_modules/.cache/matrix if not given
  --tally FILE    writes the sums to this file too, as JSON
  --lock          runs no suites; makes the lock files of the installed packages again
  --help          shows this

Examples: npm run test:matrix -- --sdk 2 --node 22
          npm run test:matrix -- --sdk 2 test/inbound`;

const ROOT = join(import.meta.dirname, "..");
/** The Node of `devDependencies`. */
const PINNED = join(ROOT, "node_modules/node/bin/node");

interface Result extends Majors {
  readonly tally: Tally;
  readonly seconds: number;
  /** The failures, repeated at the end because the report has scrolled away by then. */
  readonly failures: readonly string[];
}

stopOnSignals();
const { values: options, positionals: files } = readArguments();
const scratch = scratchFolder();
// A tool's temporary files are removed with this run's.
process.env["TMPDIR"] = scratch;
// The suites start hundreds of processes that load the same packages. A compile cache makes them start faster.
process.env["NODE_COMPILE_CACHE"] ??= join(scratch, "compiled");
const cache = resolve(options.cache ?? join(ROOT, "node_modules/.cache/matrix"));
try {
  if (options.lock === true) await lock();
  else await runAll(chosen());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function readArguments() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        sdk: { type: "string", multiple: true },
        node: { type: "string", multiple: true },
        others: { type: "boolean" },
        cache: { type: "string" },
        tally: { type: "string" },
        lock: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (parsed.values.help === true) {
      console.log(USAGE);
      process.exit();
    }
    return parsed;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function chosen(): readonly Majors[] {
  const sdks = numbersOf("sdk", options.sdk, SDKS);
  return numbersOf("node", options.node, NODES)
    .flatMap((node) => sdks.map((sdk) => ({ sdk, node })))
    .filter(({ sdk, node }) => options.others !== true || sdk !== CURRENT.sdk || node !== CURRENT.node);
}

function numbersOf(option: string, texts: readonly string[] | undefined, known: readonly number[]): readonly number[] {
  if (texts === undefined) return known;
  const wrong = texts.filter((text) => !known.map(String).includes(text));
  if (wrong.length > 0) refuse(`--${option} ${wrong.join(", ")} is unknown; write ${known.join(", ")}`);
  return known.filter((number) => texts.includes(String(number)));
}

function refuse(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

async function lock(): Promise<void> {
  for (const set of [nodes, sdk2]) {
    await step(`making ${set.lock}`, () => relock(set, scratch));
  }
}

async function runAll(combinations: readonly Majors[]): Promise<void> {
  const results: Result[] = [];
  const binaries = await nodesFor(combinations);
  for (const sdk of SDKS) {
    const here = combinations.filter((one) => one.sdk === sdk);
    if (here.length === 0) continue;
    const folder = await standOf(sdk);
    for (const { node } of here) results.push(await runOne({ sdk, node }, folder, binaries.get(node) ?? ""));
  }
  const total = sumOf(results.map(({ tally }) => tally));
  for (const { sdk, node, failures } of results) {
    for (const failure of failures) console.log(`SDK ${sdk}, Node ${node}: ${failure}`);
  }
  console.log(`\n${tableOf(results)}`);
  if (options.tally !== undefined) writeFileSync(options.tally, JSON.stringify(total));
  console.log(`\n${inWords(total)}`);
  if (total.failed > 0) process.exitCode = 1;
}

/** The binary of each required Node, by its major version. */
async function nodesFor(combinations: readonly Majors[]): Promise<ReadonlyMap<number, string>> {
  const others = NODES.filter((node) => node !== CURRENT.node && combinations.some((one) => one.node === node));
  const folder = others.length === 0 ? "" : await install(nodes);
  return new Map([
    [CURRENT.node, PINNED],
    ...others.map((node) => [node, join(folder, `node_modules/node-${node}/bin/node`)] as const),
  ]);
}

function install(set: PackageSet): Promise<string> {
  return step(`installing ${set.name} as ${set.lock} says`, () => installed(set, cache));
}

/**
 * A built copy of the project in its current state, with the packages of one SDK line. Edits during the run do not
 * affect it.
 */
async function standOf(sdk: number): Promise<string> {
  const packages = sdk === 2 ? await install(sdk2) : ROOT;
  const folder = join(scratch, `sdk-${sdk}`);
  await step(`copying and building the project for SDK ${sdk}`, async () => {
    const left = new Set([".git", "node_modules", "dist", "coverage"]);
    await cp(ROOT, folder, { recursive: true, filter: (path) => path === ROOT || !left.has(basename(path)) });
    for (const workspace of [".", ...workspaces()]) {
      const modules = join(packages, workspace, "node_modules");
      if (existsSync(modules)) await symlink(modules, join(folder, workspace, "node_modules"));
    }
    const code = await runCommand(["tsdown"], { cwd: folder, env: environmentOf(folder, PINNED) });
    if (code !== 0) throw new Error(`The build with SDK ${sdk} ended with ${code}.`);
  });
  const [api, core] = ["@opentelemetry/api", "@opentelemetry/core"].map((name) => versionIn(folder, name));
  if (core === undefined || major(core) !== sdk)
    throw new Error(`SDK ${sdk} was requested, but core ${core} is installed.`);
  console.log(`  OpenTelemetry's api ${api}, core ${core}`);
  return folder;
}

async function runOne(combination: Majors, folder: string, binary: string): Promise<Result> {
  const { sdk, node } = combination;
  const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim().slice(1);
  const file = join(scratch, `sdk-${sdk}-node-${node}.json`);
  const config = "--config=test/system/matrix/vitest.config.ts";
  const vitest = [binary, "node_modules/vitest/vitest.mjs", "run", config, ...reportingTo(file), ...files] as const;
  const started = performance.now();
  const code = await step(`the suites with SDK ${sdk} on Node ${version}`, () =>
    runCommand(vitest, { cwd: folder, env: environmentOf(folder, binary) }),
  );
  const seconds = (performance.now() - started) / 1000;
  return { ...combination, seconds, ...withExceptions(resultOf(file, code, folder), exceptionsOf(sdk, node)) };
}

/**
 * A test that is expected to fail and does counts as skipped, although it passed. An exception whose test did not run
 * is a failure.
 */
function withExceptions(
  { tally, failures, tests }: SuitesResult,
  exceptions: ReadonlyMap<string, Exception>,
): Pick<Result, "tally" | "failures"> {
  const met = tests.filter(({ title }) => exceptions.has(idOf(title)));
  const asExpected = met.filter(({ status }) => status === "passed").length;
  const ran = new Set(met.map(({ title }) => idOf(title)));
  const missing = files.length > 0 ? [] : [...exceptions.keys()].filter((id) => !ran.has(id));
  return {
    tally: sumOf([tally, { passed: -asExpected, failed: missing.length, skipped: asExpected }]),
    failures: [...failures, ...missing.map((id) => `${id} is listed as an exception, but no such test ran`)],
  };
}

/** The environment for a Node in a copy: that Node and the copy's tools come first in PATH. */
function environmentOf(folder: string, binary: string): { readonly [name: string]: string } {
  const path = [dirname(binary), join(folder, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
  const typescript = execFileSync(binary, ["-p", "process.features.typescript"], { encoding: "utf8" }).trim();
  // Before 22.18, Node runs TypeScript only with a flag, and the tests start TypeScript files.
  const stripping = "--experimental-strip-types --disable-warning=ExperimentalWarning";
  const nodeOptions = [process.env["NODE_OPTIONS"], typescript === "false" ? stripping : undefined];
  return { PATH: path, NODE_OPTIONS: nodeOptions.filter((text) => text !== undefined).join(" ") };
}

/** Prints a step's name before it, and its duration after it. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  console.log(`\n— ${what}`);
  const started = performance.now();
  const result = await work();
  console.log(`  ${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);
  return result;
}

function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ sdk, node, tally: { passed, failed, skipped }, seconds }) =>
    [sdk, node, passed, failed, skipped, seconds.toFixed(0)].map(String),
  );
  const all = [["SDK", "Node", "passed", "failed", "skipped", "seconds"], ...rows];
  return all.map((row) => row.map((cell, column) => cell.padStart(column < 2 ? 4 : 8)).join(" ")).join("\n");
}
