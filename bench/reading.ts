import { defaultTextMapGetter, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { readReceived } from "../src/propagation/received.ts";
import { freshHeaders } from "./headers.ts";
import { compare } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { instance, propagator } from "./subjects.ts";

const OPERATIONS = 1000;
const ROUNDS = 61;
const CALLER = { header: () => undefined, peer: "10.0.0.1" };

/** The minimum speed relative to `extract`, by the number of members. */
const BOUNDS: readonly (readonly [members: number, factor: number])[] = [
  [2, 2.5],
  [8, 5],
  [66, 15],
];

/** From a header to the trusted assignments. The peer's extract does not look any member up. */
export function* reading(): Generator<Row> {
  for (const [members, factor] of BOUNDS) {
    const prepare = (round: number): string[] => freshHeaders(members, OPERATIONS, round);
    let found = 0;
    const { ours, peer, ratio } = compare(
      {
        prepare,
        work: (headers) => {
          for (const header of headers) found += readReceived(instance, header, CALLER).assignments.length;
        },
      },
      {
        prepare,
        work: (headers) => {
          for (const baggage of headers) {
            const extracted = propagator.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
            found += propagation.getBaggage(extracted) === undefined ? 0 : 1;
          }
        },
      },
      OPERATIONS,
      ROUNDS,
    );
    yield {
      name: `read own members from a header of ${members}`,
      figure: `${ratio.toFixed(2)} × (${ns(ours)}, extract ${ns(peer)})`,
      bound: `at least ${factor} ×`,
      holds: ratio >= factor && found > 0,
    };
  }
}
