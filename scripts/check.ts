/**
 * Everything that has to hold: types, format, lint, dead code, build, package, suites. The last line counts what passed
 * and what failed; a check of the tools counts as one. `npm test -- NAME…` runs only the checks of these names.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Where the command counts for itself, the file with its counts. */
  readonly report?: string;
}

/** What vitest's JSON reporter writes. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

process.chdir(join(import.meta.dirname, ".."));
const scratch = mkdtempSync(join(tmpdir(), "otel-exp-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const suites = join(scratch, "suites.json");
const checks: readonly Check[] = [
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "declarations", command: ["tsc", "-p", "tsconfig.src.json"] },
  { name: "format", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "build", command: ["tsdown"] },
  { name: "dead-code", command: ["knip"] },
  { name: "package", command: ["publint", "--strict"] },
  { name: "package-types", command: ["attw", "--pack", ".", "--profile", "esm-only", "--quiet"] },
  {
    name: "suites",
    command: ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${suites}`],
    report: suites,
  },
];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`No such check: ${unknown.join(", ")}. There are ${checks.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}

const total = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];
for (const check of checks) {
  if (chosen.length > 0 && !chosen.includes(check.name)) continue;
  console.log(`\n— ${check.name}: ${check.command.join(" ").replace(scratch, "…")}`);
  const tally = tallyOf(check, await run(check.command));
  total.passed += tally.passed;
  total.failed += tally.failed;
  total.skipped += tally.skipped;
  if (tally.failed > 0) broken.push(check.name);
}
if (broken.length > 0) console.log(`\nFailed: ${broken.join(", ")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = broken.length > 0 ? 1 : 0;

/** Runs a tool of the project. A signal to us goes to it, and ends us once it is gone. */
async function run([tool, ...args]: readonly [string, ...string[]]): Promise<number> {
  // What a tool leaves behind in the folder for temporary files goes with ours.
  const env = { ...process.env, TMPDIR: scratch };
  const child = spawn(tool, args, { stdio: ["ignore", "inherit", "inherit"], env });
  const stop = (signal: NodeJS.Signals): void => {
    child.once("close", () => process.exit(signal === "SIGINT" ? 130 : 143));
    child.kill(signal);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 1));
    });
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

function tallyOf({ report }: Check, code: number): Tally {
  if (report === undefined) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  const counts = readReport(report);
  if (counts === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = counts.numFailedTests;
  return {
    passed: counts.numPassedTests,
    // A file that does not load fails without a test of its own.
    failed: failed === 0 && (code !== 0 || !counts.success) ? 1 : failed,
    skipped: counts.numPendingTests + counts.numTodoTests,
  };
}

function readReport(file: string): VitestReport | undefined {
  try {
    // why: the reporter's documented form
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  } catch {
    console.error("The suites ended without a report.");
    return undefined;
  }
}
