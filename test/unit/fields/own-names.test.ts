import * as fc from "fast-check";
import { parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";
import { OwnMemberReader } from "../../../src/baggage/own.ts";
import { textWork } from "../baggage/text-work.ts";

// Members whose whole key is a declared name, beside those under the prefix.

const PREFIX = "experiment.";
const NAMES = ["user_tier", "region", "a"];
const reader = new OwnMemberReader(PREFIX, NAMES);
const NOTHING = { parts: [], fields: [], malformed: 0, overBudget: 0, encoded: 0 };

describe("the reader of declared names", () => {
  test("FLM-01 finds them in their order among foreign members and those of experiments, with values decoded", () => {
    const header = `tenant=7, user_tier = premium ;ttl=1,${PREFIX}checkout.variant=express\t,region=%C3%A9%20d,user_tier=free,a=`;
    expect(reader.read(header)).toEqual({
      ...NOTHING,
      parts: ["checkout", "variant", "express"],
      fields: ["user_tier", "premium", "region", "é d", "user_tier", "free", "a", ""],
    });
  });

  test.each([
    "xuser_tier=1",
    "user_tierx=1",
    "User_Tier=1",
    "x=user_tier",
    "x=1;user_tier=2",
    "x user_tier=1",
    '"user_tier=1',
    "user_tier.x=1",
    "user tier=1",
    "=a",
    ";a=1",
  ])("FLM-02 takes no other member for one: %j", (header) => {
    expect(reader.read(header)).toEqual(NOTHING);
    expect(reader.ownsMember(header)).toBe(false);
    expect(reader.mayBeIn(header)).toBe(false);
    expect(reader.read(`${header},user_tier=free`).fields).toEqual(["user_tier", "free"]);
  });

  test.each([
    "user_tier",
    "user_tier;p=1",
    "user_tier=a b",
    "user_tier=%zz",
    'user_tier="x"',
    "\u00a0user_tier=1",
    "user_tier\ufeff=1",
    "\vuser_tier=1",
    "\0a=1",
    "user_tier\x1c=1",
    " region ",
  ])("FLM-03 counts as malformed, and owns, what breaks the grammar: %j", (header) => {
    expect(reader.read(header)).toEqual({ ...NOTHING, malformed: 1 });
    expect(reader.ownsMember(header)).toBe(true);
    expect(reader.mayBeIn(`x=1,${header},y=2`)).toBe(true);
  });

  test.each([
    "user%5Ftier=EVIL",
    "user%5ftier=EVIL",
    "%75ser_tier=EVIL",
    "%61=EVIL",
    " r%65gion =EVIL;p",
    "\u00a0%61=EVIL",
    "%61%20=EVIL",
    "%2561=EVIL",
    "user_tier%1c=EVIL",
    "user_tier+=EVIL",
    "+user_tier=EVIL",
    "user_tier%C2%A0=EVIL",
    "user_tier%FF=EVIL",
  ])("FLM-04 owns a key that is a name only to a lenient reader, counts it, and never reads it: %j", (header) => {
    expect(reader.read(header)).toEqual({ ...NOTHING, encoded: 1 });
    expect(reader.read(`b=%61,${header},region=x`)).toEqual({ ...NOTHING, encoded: 1, fields: ["region", "x"] });
    expect(reader.ownsMember(header)).toBe(true);
    expect(reader.mayBeIn(header)).toBe(true);
  });

  test.each(["x%61=1", "user+tier=1", "region%20x=1", "user%5Ftier2=1", "b=%61", "%61;p=1", "b;%61=1"])(
    "FLM-05 lets alone what is none even then: %j",
    (header) => {
      expect(reader.read(header)).toEqual(NOTHING);
      expect(reader.ownsMember(header)).toBe(false);
    },
  );

  test("FLM-11 counts no key as encoded for an escape in its value", () => {
    const header = "user_tier=%66ree,region=%61,b=%61";
    expect(reader.read(header)).toEqual({ ...NOTHING, fields: ["user_tier", "free", "region", "a"] });
  });

  test("FLM-06 counts what is beyond 8192 bytes", () => {
    const full = `f=${"v".repeat(8192 - 2 - 1 - "a=1".length)}`;
    expect(reader.read(`${full},a=1`)).toEqual({ ...NOTHING, fields: ["a", "1"] });
    expect(reader.read(`${full},a=1 \t`)).toEqual({ ...NOTHING, fields: ["a", "1"] });
    expect(reader.read(`${full}v,a=1`)).toEqual({ ...NOTHING, overBudget: 1 });
  });

  test("FLM-07 owns names as keys of OpenTelemetry's baggage, which are decoded", () => {
    expect(["user_tier", "a", "experiment.x.id", "%61"].filter((key) => !reader.owns(key))).toEqual([]);
    expect(["tier", "b", "user_tierx", "", "experiment"].filter((key) => reader.owns(key))).toEqual([]);
  });

  const piece = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(",", ";", "=", " ", "\t", "a", "user_tier", "region", "%61", "%", "%zz", "x"),
    },
    { weight: 2, arbitrary: fc.constantFrom(",a=1", ",user_tier=premium", `,${PREFIX}c.id=d`, "\u00a0", "\v", "%5F") },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
  );
  const header = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(""));

  test("FLM-08 agrees with the parser on any text: the same values, the last of a name", () => {
    fc.assert(
      fc.property(header, (text) => {
        const { fields } = reader.read(text);
        const read = new Map<string, string>();
        for (let i = 0; i < fields.length; i += 2) read.set(fields[i] ?? "", fields[i + 1] ?? "");
        const parsed = parseBaggage(text).filter(({ key }) => NAMES.includes(key));
        expect(Object.fromEntries(read)).toEqual(Object.fromEntries(parsed.map(({ key, value }) => [key, value])));
      }),
      { numRuns: 2000 },
    );
  });

  test("FLM-09 reads under the prefix what it reads without names, whatever the text is", () => {
    const without = new OwnMemberReader(PREFIX);
    fc.assert(
      fc.property(header, (text) => {
        expect(reader.read(text).parts).toEqual(without.read(text).parts);
      }),
    );
  });

  test.each([
    ",",
    "a,",
    "a=1,",
    " ",
    "\u00a0",
    "a ",
    "user_tier",
    "user_tier,",
    "=",
    ";",
    "%61",
    "%61,",
    "%61=1,",
    "%5F",
    "\u00a0a=1,",
    "x=%61,",
    "user%5Ftier",
    " a = 1 ;p,",
    "k",
  ])("FLM-10 looks at no more than 2.5 times the characters in twice the length: %j", (unit) => {
    const work = (bytes: number): number => {
      const text = unit.repeat(bytes / unit.length).padEnd(bytes, "v");
      return textWork(() => [reader.read(text), reader.mayBeIn(text)]) + 1000;
    };
    expect(work(8192) / work(4096)).toBeLessThanOrEqual(2.5);
    expect(work(16384) / work(8192)).toBeLessThanOrEqual(2.5);
    expect(work(16384) / 16384).toBeLessThanOrEqual(64);
  });
});
