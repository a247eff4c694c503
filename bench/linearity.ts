import { mergeBaggage, parseBaggage } from "../src/baggage/index.ts";
import { OwnMemberReader } from "../src/baggage/own.ts";
import { compare } from "./paired.ts";
import type { Row } from "./row.ts";
import { instance } from "./subjects.ts";

const SMALL = 8 * 1024;
const LARGE = 2 * SMALL;
const FACTOR = 2.5;
const OPERATIONS = 20;
const ROUNDS = 31;

/** The input that costs a careless parser most. */
const UNITS: readonly string[] = [
  ",",
  ";",
  "=",
  "%",
  " ",
  "a=b,",
  "a=%2",
  "%65=,",
  "%65,",
  "experiment.",
  "experiment.,",
  " experiment.a.variant=b,",
  "experiment%2E,",
  "k=v;p,",
  "\t ,",
  "k=,",
  "a=%65%",
  ",%65=%",
  "experiment.a.variant=%FF,",
  "=%",
  ";=",
  "\u00a0,",
  "f0=1,",
  "f0 ,",
  "\u00a0f0=1,",
  "f%30=,",
];

/** The names of a service with the maximum number of fields. */
const NAMES = Array.from({ length: 64 }, (_, i) => `f${i}`);
const withNames = new OwnMemberReader("experiment.", NAMES);

const CALLER_FREE: readonly (readonly [name: string, work: (header: string) => unknown])[] = [
  ["parseBaggage", (header) => parseBaggage(header)],
  ["mergeBaggage", (header) => mergeBaggage(header, [{ key: "a", value: "b" }])],
  ["the reader of own members", (header) => instance.options.reader.read(header)],
  ["the reader of own members and fields", (header) => withNames.read(header)],
];

/** The time for 16 kB divided by that for 8 kB, for the worst known shape of header. */
export function* linearity(): Generator<Row> {
  for (const [name, work] of CALLER_FREE) {
    let worst = 0;
    let slowest = 0;
    let shape = "";
    for (const unit of UNITS) {
      const { ratio, ours } = compare(subject(unit, SMALL, work), subject(unit, LARGE, work), OPERATIONS, ROUNDS);
      if (ours > slowest) [slowest, worst, shape] = [ours, ratio, unit];
    }
    yield {
      name: `${name}: 16 kB next to 8 kB, worst shape ${JSON.stringify(shape)}`,
      figure: `${worst.toFixed(2)} × (8 kB: ${(slowest / 1000).toFixed(0)} µs)`,
      bound: `at most ${FACTOR} ×`,
      holds: worst <= FACTOR,
    };
  }
}

function subject(unit: string, length: number, work: (header: string) => unknown) {
  return {
    prepare: (round: number): string[] =>
      Array.from({ length: OPERATIONS }, (_, i) =>
        Buffer.from(
          `${round}.${i}=x,${unit.repeat(Math.ceil(length / unit.length))}`.slice(0, length),
          "latin1",
        ).toString("latin1"),
      ),
    work: (headers: readonly string[]): void => {
      for (const header of headers) work(header);
    },
  };
}
