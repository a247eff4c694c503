import type { Figure, Row, Summary } from "./figures.ts";

const HEADING = `CPU in µs per request; bytes and collections per request; ratios are of CPU time.
bare: without us, hand: hand-written over OpenTelemetry's API, guarded: createExperiments alone, ours: our middleware and client.
A/A: a second bare process to the first, which is the noise. A limit stands behind "ok" or "over"; "unsure" is over by no more than the noise.`;

type Column = readonly [title: string, cell: (row: Row) => string];

const columns: readonly Column[] = [
  ["process", ({ subject }) => subject],
  ["request", ({ request }) => request],
  ["bare µs", ({ processes }) => fixed(processes.bare?.cpu, 1)],
  ["A/A", ({ noise }) => fixed(noise, 2)],
  ["ours/bare", (row) => figure(row, "oursToBare", 2) ?? ratio(row.processes.ours, row.processes.bare)],
  ["ours/hand", (row) => figure(row, "oursToHand", 2) ?? ""],
  ["guarded/bare", (row) => figure(row, "guardedToBare", 2) ?? ""],
  ["bare bytes", ({ processes }) => fixed(processes.bare?.allocated, 0)],
  ["ours more", (row) => figure(row, "bytes", 0) ?? more(row, "allocated")],
  ["bare surv.", ({ processes }) => fixed(processes.bare?.survived, 0)],
  ["ours more", (row) => figure(row, "surviving", 0) ?? more(row, "survived")],
  ["minor µs", (row) => both(row, "minorTime", 2)],
  ["full/million", (row) => both(row, "fulls", 0)],
  ["", (row) => figure(row, "fulls", 1) ?? ""],
  ["req/s", (row) => both(row, "perSecond", 0)],
  ["p99 ms", (row) => (row.processes.bare?.p99 === undefined ? "" : both(row, "p99", 1))],
];

/** One line for each case. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const padded = lines.map((line) =>
    line.map((cell, index) => (index < 2 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))),
  );
  return `${HEADING}\n\n${padded.map((line) => line.join("  ").trimEnd()).join("\n")}`;
}

/** The verdicts of all figures, counted. */
export function countsOf(rows: readonly Row[]): {
  readonly ok: number;
  readonly over: number;
  readonly unsure: number;
} {
  const counts = { ok: 0, over: 0, unsure: 0 };
  for (const { figures } of rows) {
    for (const { verdict } of Object.values(figures)) counts[verdict]++;
  }
  return counts;
}

function figure({ figures }: Row, name: keyof Row["figures"], digits: number): string | undefined {
  const found: Figure | undefined = figures[name];
  return found === undefined ? undefined : `${fixed(found.value, digits)} ${found.verdict} ${found.limit}`;
}

function both({ processes }: Row, part: keyof Summary, digits: number): string {
  return `${fixed(processes.bare?.[part], digits)}→${fixed(processes.ours?.[part], digits)}`;
}

function more({ processes: { bare, ours } }: Row, part: keyof Summary): string {
  return fixed((ours?.[part] ?? Number.NaN) - (bare?.[part] ?? Number.NaN), 0);
}

function ratio(ours: Summary | undefined, bare: Summary | undefined): string {
  return fixed((ours?.cpu ?? Number.NaN) / (bare?.cpu ?? Number.NaN), 2);
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? "" : value.toFixed(digits);
}
