import { mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";
import { OwnMemberReader } from "../../../src/baggage/own.ts";
import { textWork } from "./text-work.ts";

// What a stranger sends may not cost more than its length.

const PREFIX = "experiment.";
const KILOBYTE = 1024;

/** Headers that are made of one thing over and over, each around one of what costs where it is done wrongly. */
const SHAPES: { readonly [name: string]: (bytes: number) => string } = {
  commas: over(","),
  semicolons: over(";", "k=v"),
  "equal signs": over("=", "k"),
  "equal signs and commas": over("=,"),
  "percent signs in a value": over("%", "k="),
  "percent signs in a key": over("%"),
  "percent signs and commas": over("%,"),
  "escapes in a value": over("%41", "k="),
  "escapes in a key": over("%65", "", "=1"),
  "escapes of the prefix in values": over("k=%65,"),
  "escapes of no UTF-8": over("%FF", "k="),
  "escapes of no UTF-8 in keys": over("%65%FF=1,"),
  "half of a character": over("%E4%B8", "k="),
  "white space before a value": over(" ", "k=", "v"),
  "white space behind a value": over(" ", "k=v"),
  "white space within a value": over(" ", "k=v", "v"),
  "white space before a key": over("\t", "", "k=v"),
  "white space alone": over(" \t"),
  "white space between members": over("     ,"),
  "white space between properties": over(" ; ", "k=v"),
  "white space of JavaScript before an own key": over("\u00a0", "", `${PREFIX}a.variant=b`),
  "the prefix": over(PREFIX),
  "the prefix and commas": over(`${PREFIX},`),
  "the prefix in a value": over(PREFIX, "k="),
  "the prefix in values": over(`k=${PREFIX},`),
  "the prefix in properties": over(`;${PREFIX}a.variant=b`, "k=v"),
  "half of the prefix": over("experiment"),
  "one own member": over(`${PREFIX}a.variant=b,`),
  "own members with white space": over(` ${PREFIX}a.variant = b ;p ,`),
  "own members behind white space of JavaScript": over(`\ufeff${PREFIX}a.variant=b,`),
  "escapes of escapes in a key": over("%25", "", "65xperiment.a.variant=1"),
  "escapes that follow on escapes": over("%2", "", "5=1"),
  "plus signs in a key": over("+", "", `${PREFIX}a.variant=1`),
  "plus signs in keys": over("+,"),
  "own members behind what lenient readers trim": over(`%1C+${PREFIX}a.variant=b,`),
  "control characters before an own key": over("\x1c", "", `${PREFIX}a.variant=b`),
  "white space of bytes before an own key": over("\u00c2\u00a0", "", `${PREFIX}a.variant=b`),
  "bytes that are no UTF-8 in a key": over("\u00e4", "", "=1"),
  "own members without an equal sign": over(`${PREFIX}a;p=1,`),
  "own members without a good value": over(`${PREFIX}a.variant=%zz,`),
  "own members with an encoded key": over("%65xperiment.a.variant=b,"),
  "one member": over("a=1,"),
  "one property": over(";p=1", "k=v"),
  "members without a value": over("a,"),
  "dots in an own key": over(".", PREFIX, "=1"),
  "a long key": over("k", "", "=v"),
  "a long value": over("v", "k="),
  "a long key without a value": over("k"),
  "control characters": over("\0,"),
  "what is beyond one byte": over("中,"),
  "different members": (bytes) => joined(bytes, (i) => `k${i}=v${i}`),
  "different own members": (bytes) => joined(bytes, (i) => `${PREFIX}k${i}.variant=v${i}`),
  "everything at once": over(
    `, a = %41 ;p=%FF;; ,${PREFIX}a.variant=%,%65xperiment.a=1,=,\u00a0${PREFIX}b.id=c,k=${PREFIX}`,
  ),
};

/** As many whole pieces as have room, and plain characters where there is room for no other. */
function over(piece: string, before = "", after = ""): (bytes: number) => string {
  return (bytes) => {
    const room = bytes - before.length - after.length;
    return before + piece.repeat(Math.floor(room / piece.length)).padEnd(room, "v") + after;
  };
}

function joined(bytes: number, member: (i: number) => string): string {
  let text = member(0);
  for (let i = 1; text.length < bytes; i++) text += `,${member(i)}`;
  return text.slice(0, text.lastIndexOf(",")).padEnd(bytes, "v");
}

const OURS = Array.from({ length: 64 }, (_, i) => ({ key: i === 0 ? "a" : `${PREFIX}k${i}.variant`, value: "v" }));

const READERS: { readonly [name: string]: (header: string) => unknown } = {
  parseBaggage,
  mergeBaggage: (header) => mergeBaggage(header, OURS),
  "the reader of own members": ownReader(),
};

function ownReader(): (header: string) => unknown {
  const reader = new OwnMemberReader(PREFIX);
  return (header) => reader.read(header);
}

/** What is done once, whatever the header: our own members, in a merge. */
const FIXED = Math.max(...Object.values(READERS).map((read) => textWork(() => read(""))));

function workOf(read: (header: string) => unknown, make: (bytes: number) => string, kilobytes: number): number {
  const header = make(kilobytes * KILOBYTE);
  if (header.length !== kilobytes * KILOBYTE) throw new Error(`this header has ${header.length} characters`);
  return textWork(() => read(header)) + FIXED;
}

describe.each(Object.entries(READERS))("%s", (_name, read) => {
  test.each(Object.entries(SHAPES))(
    "LIN-01 looks at no more than 2.5 times the characters in twice the length: %s",
    (_shape, make) => {
      const [two = 0, four = 0, eight = 0, sixteen = 0] = [2, 4, 8, 16].map((kilobytes) =>
        workOf(read, make, kilobytes),
      );
      expect(four / two).toBeLessThanOrEqual(2.5);
      expect(eight / four).toBeLessThanOrEqual(2.5);
      expect(sixteen / eight).toBeLessThanOrEqual(2.5);
      // And no more than a few times over each character.
      expect(sixteen / (16 * KILOBYTE)).toBeLessThanOrEqual(32);
    },
  );

  test("LIN-02 looks at no more than 2.5 times the characters of the worst 8 kB in the worst 16 kB", () => {
    const worst = (kilobytes: number): number =>
      Math.max(...Object.values(SHAPES).map((make) => workOf(read, make, kilobytes)));
    expect(worst(16) / worst(8)).toBeLessThanOrEqual(2.5);
  });

  // By the clock too, since it sees what cannot be counted: regular expressions that go back, and what texts become.
  test.each(Object.entries(SHAPES))(
    "LIN-03 takes about as long for a byte within the budget, whether of 8 kB or of 1 kB: %s",
    (_shape, make) => {
      expect(slowdown(read, make, 1, 8)).toBeLessThan(4);
    },
  );

  test.each(Object.entries(SHAPES))(
    "LIN-04 takes about as long for a byte beyond the budget, whether of 128 kB or of 16 kB: %s",
    (_shape, make) => {
      expect(slowdown(read, make, 16, 128)).toBeLessThan(4);
    },
  );
});

test("LIN-05 parseBaggage looks at nothing behind the budget", () => {
  const [sixteen, thousand] = [16, 1000].map((kilobytes) => workOf(parseBaggage, over("a=1,"), kilobytes));
  expect(thousand).toBe(sixteen);
});

/**
 * How much longer the same bytes take in long headers than in short ones: about 1 where time is linear, and the ratio
 * of the lengths, which is 8 here, where it is quadratic. Of each, the best of all rounds counts, since a busy machine
 * only adds to it; there are more rounds until it is clear that time is linear.
 */
function slowdown(
  read: (header: string) => unknown,
  make: (bytes: number) => string,
  short: number,
  long: number,
): number {
  const [few, many] = [make(long * KILOBYTE), make(short * KILOBYTE)];
  const times = long / short;
  let [inMany, inFew] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const ratio = (): number => inFew / (inMany + TIMER_NS);
  for (let round = 0; round < 4 || (round < 200 && ratio() > CLEARLY_LINEAR); round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < times; i++) read(many);
    const middle = process.hrtime.bigint();
    read(few);
    const end = process.hrtime.bigint();
    inMany = Math.min(inMany, Number(middle - start));
    inFew = Math.min(inFew, Number(end - middle));
  }
  return ratio();
}

const CLEARLY_LINEAR = 2;

/** Below this much, the clock says more of itself than of the code. */
const TIMER_NS = 20_000;
