import { type Row, rowsOf } from "./figures.ts";
import { type Expectation, examine, SERVICES } from "./invariants.ts";
import { serverSpansOf, type Telemetry } from "./otlp.ts";

/** The result of the job. */
export interface Report {
  readonly text: string;
  /** True if there are no problems. */
  readonly ok: boolean;
}

const MAX_PROBLEMS = 10;

/** Makes the report of the exported and the expected telemetry. A pure function. */
export function reportOn(telemetry: Telemetry, expectation: Expectation): Report {
  const rows = rowsOf(serverSpansOf(telemetry), expectation.variants, SERVICES);
  const { traces, uniform, rejected, thirdParty, problems } = examine(telemetry, expectation);
  const lines = [
    "Server spans by variant and service, as exported",
    ...table(rows),
    "",
    traces > 0 && uniform === traces
      ? `${traces} traces, and each shows one variant throughout.`
      : `${traces} traces, of which ${uniform} show one variant throughout.`,
    `Forged members that the gateway turned away: ${rejected}.`,
    `Own members that the third party saw: ${thirdParty.members}, in ${thirdParty.requests} requests.`,
  ];
  if (problems.length > 0) {
    lines.push("", `Problems (${problems.length}):`);
    lines.push(...problems.slice(0, MAX_PROBLEMS).map((problem) => `- ${problem}`));
    if (problems.length > MAX_PROBLEMS) lines.push(`- and ${problems.length - MAX_PROBLEMS} more`);
  }
  return { text: lines.join("\n"), ok: problems.length === 0 };
}

function table(rows: readonly Row[]): string[] {
  const head = ["variant", "service", "requests", "errors", "p50 ms", "p95 ms"];
  const cells = rows.map(({ variant, service, requests, errors, p50Ms, p95Ms }, index) => [
    variant === rows[index - 1]?.variant ? "" : variant,
    service,
    String(requests),
    String(errors),
    p50Ms.toFixed(1),
    p95Ms.toFixed(1),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  return [head, ...cells].map((row) => row.map((cell, column) => align(cell, column, widths[column] ?? 0)).join("  "));
}

/** Aligns names to the left and numbers to the right. */
function align(cell: string, column: number, width: number): string {
  return column < 2 ? cell.padEnd(width) : cell.padStart(width);
}
