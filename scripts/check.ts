/**
 * Runs all checks: types, format, lint, dead code, build, package, suites. The last line counts what passed and failed;
 * a check by a tool counts as one. `npm test -- NAME…` runs only the checks of these names, `npm test -- quick` those
 * of `QUICK`, in less than half a minute, and `npm test -- all` also the slow ones.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installChromium } from "./chromium.ts";
import { runCommand, scratchFolder, stopOnSignals } from "./command.ts";
import { reportingTo, resultOf } from "./suites.ts";
import { inWords, ONE_FAILED, ONE_PASSED, sumOf, type Tally } from "./tally.ts";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Installs what the command can use and npm does not install. */
  readonly setUp?: () => Promise<void>;
  /** Reads the counts of a command that counts its own tests. */
  readonly tally?: (exitCode: number) => Tally;
  /** Runs only on request: it is slow, or another check includes it. */
  readonly onRequest?: true;
}

const ROOT = join(import.meta.dirname, "..");
process.chdir(ROOT);
stopOnSignals();
const scratch = scratchFolder();

const suites = join(scratch, "suites.json");
const unit = join(scratch, "unit.json");
const matrix = join(scratch, "matrix.json");
const checks: readonly Check[] = [
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "declarations", command: ["tsc", "-p", "tsconfig.src.json"] },
  { name: "format", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "build", command: ["tsdown"] },
  { name: "report-build", command: ["tsdown", "--config", "report/tsdown.config.ts"] },
  { name: "dead-code", command: ["knip"] },
  { name: "package", command: ["publint", "--strict"] },
  { name: "package-types", command: ["attw", "--pack", ".", "--quiet"] },
  {
    name: "suites",
    command: ["vitest", "run", ...reportingTo(suites)],
    setUp: installChromium,
    tally: (exitCode) => tallyOfSuites(suites, exitCode),
  },
  {
    name: "unit",
    command: ["vitest", "run", "--project=unit", ...reportingTo(unit)],
    tally: (exitCode) => tallyOfSuites(unit, exitCode),
    onRequest: true,
  },
  {
    name: "matrix",
    command: ["node", "scripts/matrix.ts", "--others", "--tally", matrix],
    tally: (exitCode) => tallyIn(matrix, exitCode),
    onRequest: true,
  },
];

/** Types, lint, and the suites that open no socket. */
const QUICK: ReadonlySet<string> = new Set(["types", "lint", "unit"]);

const asked = process.argv.slice(2);
const known = [...checks.map(({ name }) => name), "quick", "all"];
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown check: ${unknown.join(", ")}. The checks are ${known.join(", ")}.`);
  process.exit(2);
}

// A tool's temporary files are removed with this run's. The suites start hundreds of processes that load the same
// packages; a compile cache makes them start faster.
const env = { TMPDIR: scratch, NODE_COMPILE_CACHE: join(scratch, "compiled") };
const tallies: Tally[] = [];
const broken: string[] = [];
for (const check of checks) {
  if (!isWanted(check)) continue;
  const { name, command, setUp, tally } = check;
  await setUp?.();
  console.log(`\n— ${name}: ${command.join(" ").replaceAll(scratch, "…")}`);
  const exitCode = await runCommand(command, { env });
  const result = tally === undefined ? tallyOf(exitCode) : tally(exitCode);
  tallies.push(result);
  if (result.failed > 0) broken.push(name);
}
if (broken.length > 0) console.log(`\nFailed: ${broken.join(", ")}`);
console.log(`\n${inWords(sumOf(tallies))}`);
process.exitCode = broken.length > 0 ? 1 : 0;

function isWanted({ name, onRequest }: Check): boolean {
  if (asked.length === 0) return onRequest !== true;
  if (asked.includes("all") && name !== "unit") return true; // The suites include the unit tests.
  return asked.includes(name) || (asked.includes("quick") && QUICK.has(name));
}

function tallyOf(exitCode: number): Tally {
  return exitCode === 0 ? ONE_PASSED : ONE_FAILED;
}

/** Reads the counts of a run of the suites, and says which tests were skipped. */
function tallyOfSuites(report: string, exitCode: number): Tally {
  const { tally, skips } = resultOf(report, exitCode, ROOT);
  for (const skip of skips) console.log(`Skipped: ${skip}`);
  return tally;
}

/**
 * Reads the matrix's own counts. If it ended with an error, there is at least one failure, whatever the file contains.
 */
function tallyIn(file: string, exitCode: number): Tally {
  try {
    const tally = JSON.parse(readFileSync(file, "utf8")) as Tally; // why: what scripts/matrix.ts writes
    return exitCode === 0 || tally.failed > 0 ? tally : sumOf([tally, ONE_FAILED]);
  } catch {
    return ONE_FAILED; // It ended before it could write, and has said why.
  }
}
