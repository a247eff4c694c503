import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { ONE_FAILED, type Tally } from "./tally.ts";

/** The result of the suites. */
export interface SuitesResult {
  readonly tally: Tally;
  /** One line per failure, as a summary of the report. */
  readonly failures: readonly string[];
  /** One line per skipped test, with its reason if the test gives one. */
  readonly skips: readonly string[];
  readonly tests: readonly { readonly title: string; readonly status: string }[];
}

/** The part of the output of vitest's JSON reporter that is read here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      /** What tests say of themselves: `context.task.meta`. */
      readonly meta?: { readonly skipped?: string };
    }[];
  }[];
}

/** The arguments that make vitest show its progress and write the file that {@link resultOf} reads. */
export function reportingTo(file: string): readonly string[] {
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
}

/**
 * Reads vitest's report of a run in `folder`. If vitest ended with an error, there is at least one failure, whatever
 * the report contains.
 */
export function resultOf(file: string, exitCode: number, folder: string): SuitesResult {
  const report = readReport(file);
  if (report === undefined)
    return { tally: ONE_FAILED, failures: ["the suites ended without a report"], skips: [], tests: [] };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = report;
  const failures: string[] = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const path = relative(folder, name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    for (const { title } of failed) failures.push(`${title} (${path})`);
    // A file that does not load fails without a failed test.
    if (status === "failed" && failed.length === 0) failures.push(`${path}: ${message.split("\n", 1)[0]}`);
  }
  if (failures.length === 0 && (exitCode !== 0 || !success)) failures.push(`vitest ended with ${exitCode}`);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const skips = tests
    .filter(({ status }) => status === "skipped")
    .map(({ title, meta }) => (meta?.skipped === undefined ? title : `${title}: ${meta.skipped}`));
  const failed = Math.max(numFailedTests, failures.length);
  return {
    tally: { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests },
    failures,
    skips,
    tests,
  };
}

function readReport(file: string): VitestReport | undefined {
  try {
    // why: the reporter's documented form
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  } catch {
    return undefined;
  }
}
