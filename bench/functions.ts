import { assigning } from "./assigning.ts";
import { inboundPath } from "./inbound-path.ts";
import { linearity } from "./linearity.ts";
import { outgoing } from "./outgoing.ts";
import { outgoingCall } from "./outgoing-call.ts";
import { reading } from "./reading.ts";
import type { Row } from "./row.ts";
import { spans } from "./spans.ts";
import { writing } from "./writing.ts";

/**
 * Measures single functions in a loop, compared with the usual hand-written code on OpenTelemetry's propagator. Each
 * figure is a ratio within this run: the median of paired rounds over headers that are all different. Exits with 1 if a
 * ratio misses its bound.
 */
export async function measureFunctions(): Promise<void> {
  const rows: Row[] = [];
  for (const benchmark of [reading, writing, inboundPath, outgoing, outgoingCall, linearity, spans, assigning]) {
    for await (const row of benchmark()) {
      rows.push(row);
      const verdict = row.holds ? "ok" : "MISSED";
      console.log(`${row.name.padEnd(58)} ${row.figure.padStart(34)}   ${row.bound.padEnd(18)} ${verdict}`);
    }
  }
  const missed = rows.filter(({ holds }) => !holds).length;
  console.log(`\n${rows.length - missed} passed, ${missed} failed`);
  process.exitCode = missed > 0 ? 1 : 0;
}
