import * as fc from "fast-check";
import { formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";

// W3C's grammar as regular expressions, written from the specification and not from the code.
const TOKEN = String.raw`[!#$%&'*+\-.^_\x60|~0-9A-Za-z]+`;
const VALUE = String.raw`(?:[\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]|%[0-9A-F]{2})*`;
const MEMBER = `${TOKEN}=${VALUE}(?:;${TOKEN}(?:=${VALUE})?)*`;
const BAGGAGE_STRING = new RegExp(`^(?:${MEMBER}(?:,${MEMBER})*)?$`);

type Entries = Parameters<typeof formatBaggage>[0];

const token = fc.string({ unit: fc.constantFrom(...Array.from("ab1!#$%&'*+-.^_`|~AZ")), minLength: 1, maxLength: 8 });

/** Whatever UTF-16 can hold, halves of surrogate pairs too. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: codeUnit, maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom("\ud800", "\udfff", "%", ",", ";", "=", " ", "\r", "\n", "\0", "a"),
    maxLength: 8,
  }),
);
const wellFormedText = anyText.map((text) => text.toWellFormed());

const property = fc.oneof(
  token.map((key) => ({ key })),
  fc.record({ key: token, value: wellFormedText }),
);
const member = fc.record({
  key: token,
  value: wellFormedText,
  properties: fc.array(property, { maxLength: 2 }),
});
const members = fc.uniqueArray(member, { selector: ({ key }) => key, maxLength: 6 });

/** Texts in which everything that the grammar knows occurs often, in right and in wrong places. */
const headerText = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(",", ";", "=", "%", " ", "\t", "a", "b=1", "%41", "%zz", "%C3", "%C3%A9"),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("a=1", "b=2;p", "c = 3 ; q = 4", "\u00a0", "\v", "\ufeff", "é", '"', "\\"),
      },
      { weight: 1, arbitrary: anyText },
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));
const header = fc.oneof(headerText, fc.array(headerText, { maxLength: 4 }));

/** The same without what no header can hold, so that all of it has to be kept. */
const writableHeader = fc.oneof(
  headerText.map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "")),
  fc.string({ unit: fc.constantFrom("a", "b", "=", ";", ",", " ", "\t", "%", "é"), maxLength: 60 }),
);

function refuse(): never {
  throw new Error("this value does not like to be looked at");
}

const hostile: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  { toString: refuse, valueOf: refuse, [Symbol.toPrimitive]: refuse, toJSON: refuse },
  { toString: () => "a=1" },
  Object.create(null),
  Object("boxed"),
  Object(1n),
  Symbol("s"),
  () => "a=1",
  new Date(Number.NaN),
  [["a", "b"]],
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  undefined,
  null,
);
const junk = fc.oneof(
  hostile,
  anyText,
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
);

/** Entries of every wrong kind among right ones. */
const junkEntries: fc.Arbitrary<Entries> = fc
  .array(
    fc.oneof(
      member,
      junk,
      fc.record({ key: fc.oneof(token, junk), value: fc.oneof(wellFormedText, junk), properties: junk }),
      fc.record({
        key: token,
        value: fc.oneof(fc.double(), fc.boolean(), fc.bigInt(), anyText),
        properties: fc.array(fc.oneof(junk, fc.record({ key: fc.oneof(token, junk), value: junk }))),
      }),
    ),
    { maxLength: 12 },
  )
  // why: callers in JavaScript give what the type forbids, and that must not throw
  .map((entries) => entries as Entries);

/** The key of a member in a list, by the grammar and not by the code: what stands before an equal sign that no semicolon precedes. */
function keyIn(segment: string): string | undefined {
  const [, key] = /^([^;=]*)=/.exec(segment) ?? [];
  return key?.replaceAll(/^[ \t]+|[ \t]+$/g, "");
}

function segmentsOf(list: string): readonly string[] {
  return list.split(",").filter((segment) => /[^ \t]/.test(segment));
}

describe("parseBaggage", () => {
  test("BAG-01 gives well-formed members for any text and any lines, and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(header, anyText), (text) => {
        const parsed = parseBaggage(text);
        for (const { key, value, properties } of parsed) {
          expect(key).toMatch(new RegExp(`^${TOKEN}$`));
          expect(value.isWellFormed()).toBe(true);
          for (const { key: name } of properties) expect(name).toMatch(new RegExp(`^${TOKEN}$`));
        }
        expect(new Set(parsed.map(({ key }) => key)).size).toBe(parsed.length);
      }),
      { numRuns: 500 },
    );
  });

  test("BAG-02 reads nothing from what is no text, and never throws", () => {
    fc.assert(
      fc.property(junk, (value) => {
        // why: callers in JavaScript give what the type forbids
        const parsed = parseBaggage(value as string);
        expect(Array.isArray(parsed)).toBe(true);
        expect(typeof value === "string" || Array.isArray(value) || parsed.length === 0).toBe(true);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 5 }), (lines) => {
        // why: as above
        const parsed = parseBaggage(lines as string[]);
        const texts = lines.map((line) => (typeof line === "string" ? line : ""));
        expect(parsed).toEqual(parseBaggage(texts));
      }),
    );
  });

  test("BAG-03 reads several lines as one list", () => {
    fc.assert(
      fc.property(fc.array(headerText, { maxLength: 4 }), (lines) => {
        expect(parseBaggage(lines)).toEqual(parseBaggage(lines.join(",")));
      }),
    );
  });

  test("BAG-04 reads each member as it reads it alone", () => {
    fc.assert(
      fc.property(headerText, (text) => {
        const last = new Map(text.split(",").flatMap((segment) => parseBaggage(segment).map((one) => [one.key, one])));
        expect(parseBaggage(text)).toEqual([...last.values()]);
      }),
    );
  });
});

describe("formatBaggage", () => {
  test("BAG-05 writes what is read back the same, in any script", () => {
    fc.assert(
      fc.property(members, (entries) => {
        expect(parseBaggage(formatBaggage(entries))).toEqual(entries);
      }),
      { numRuns: 500 },
    );
  });

  test("BAG-06 writes numbers, booleans and bigints as text", () => {
    fc.assert(
      fc.property(token, fc.oneof(fc.double(), fc.integer(), fc.boolean(), fc.bigInt()), (key, value) => {
        expect(parseBaggage(formatBaggage([{ key, value }]))).toEqual([{ key, value: String(value), properties: [] }]);
      }),
    );
  });

  test("BAG-07 follows the grammar and the budget, whatever it is given, and never throws", () => {
    fc.assert(
      fc.property(junkEntries, (entries) => {
        const text = formatBaggage(entries);
        expect(text).toMatch(BAGGAGE_STRING);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192);
      }),
      { numRuns: 500 },
    );
  });

  test("BAG-08 stays within the budget for entries that are far beyond it", () => {
    const big = fc.record({
      key: fc.nat({ max: 99 }).map((n) => `k${n}`),
      value: fc.record({ unit: fc.constantFrom("v", ",", "é", "😀"), times: fc.nat({ max: 3000 }) }),
    });
    fc.assert(
      fc.property(fc.array(big, { maxLength: 30 }), (entries) => {
        const text = formatBaggage(entries.map(({ key, value }) => ({ key, value: value.unit.repeat(value.times) })));
        expect(BAGGAGE_STRING.test(text)).toBe(true);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192);
      }),
    );
  });

  test("BAG-09 makes U+FFFD of a lone surrogate, and leaves what stands beside it", () => {
    fc.assert(
      fc.property(token, fc.string({ unit: codeUnit }), (key, value) => {
        const [read] = parseBaggage(formatBaggage([{ key, value, properties: [{ key, value }] }]));
        expect(read).toEqual({ key, value: value.toWellFormed(), properties: [{ key, value: value.toWellFormed() }] });
      }),
    );
  });

  test("BAG-10 drops a member whose value is no primitive text, and writes the others", () => {
    const values = [
      null,
      undefined,
      {},
      [],
      ["a"],
      Symbol("s"),
      () => 1,
      new Date(),
      { toString: refuse },
      Object("a"),
    ];
    for (const value of values) {
      // why: callers in JavaScript give what the type forbids
      const entries = [
        { key: "a", value: "1" },
        { key: "k", value },
        { key: "b", value: "2" },
      ] as unknown as Entries;
      expect(formatBaggage(entries)).toBe("a=1,b=2");
      expect(mergeBaggage("x=0", entries)).toBe("x=0,a=1,b=2");
      // why: as above
      const named = [{ key: value, value: "1" }] as unknown as Entries;
      expect(formatBaggage(named)).toBe("");
    }
  });

  test("BAG-11 gives the same for the same, and changes nothing of what it is given", () => {
    fc.assert(
      fc.property(members, (entries) => {
        const before = structuredClone(entries);
        for (const { properties } of entries) Object.freeze(properties).forEach(Object.freeze);
        const frozen = Object.freeze(entries.map((entry) => Object.freeze(entry)));
        const text = formatBaggage(frozen);
        expect(formatBaggage(frozen)).toBe(text);
        expect(mergeBaggage("x=0", frozen)).toBe(mergeBaggage("x=0", frozen));
        expect(frozen).toEqual(before);
      }),
    );
  });
});

describe("mergeBaggage", () => {
  test("BAG-20 keeps the others' members byte for byte and in their order", () => {
    fc.assert(
      fc.property(writableHeader, members, (existing, ours) => {
        const keys = new Set(ours.map(({ key }) => key));
        const isTheirs = (segment: string): boolean => !keys.has(keyIn(segment) ?? "");
        const merged = segmentsOf(mergeBaggage(existing, ours));
        expect(merged.filter(isTheirs)).toEqual(segmentsOf(existing).filter(isTheirs));
      }),
      { numRuns: 500 },
    );
  });

  test("BAG-21 places each of ours once, where there is room", () => {
    fc.assert(
      fc.property(writableHeader, members, (existing, ours) => {
        const keys = segmentsOf(mergeBaggage(existing, ours)).map(keyIn);
        for (const { key } of ours) expect(keys.filter((other) => other === key)).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test("BAG-22 never writes one key of ours twice, and changes nothing when it is done again", () => {
    fc.assert(
      fc.property(fc.oneof(header, junk), junkEntries, (existing, ours) => {
        // why: callers in JavaScript give what the type forbids
        const once = mergeBaggage(existing as string, ours);
        expect(mergeBaggage(once, ours)).toBe(once);
        const written = new Set(segmentsOf(formatBaggage(ours)).map(keyIn));
        const keys = segmentsOf(once).map(keyIn);
        for (const key of written) expect(keys.indexOf(key)).toBe(keys.lastIndexOf(key));
      }),
      { numRuns: 500 },
    );
  });

  test("BAG-23 changes nothing when it is done again near the budget", () => {
    const sized = fc
      .tuple(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 1, max: 4200 }))
      .map(([key, bytes]) => ({ key, value: "v".repeat(bytes) }));
    fc.assert(
      fc.property(fc.array(sized, { maxLength: 4 }), fc.array(sized, { maxLength: 4 }), (before, ours) => {
        const existing = before.map(({ key, value }) => `${key}=${value}`).join(",");
        const ourKeys = new Set<string>(ours.map(({ key }) => key));
        const theirs = before.filter(({ key }) => !ourKeys.has(key)).map(({ key, value }) => `${key}=${value}`);
        const once = mergeBaggage(existing, ours);
        expect(mergeBaggage(once, ours)).toBe(once);
        expect(once.length).toBeLessThanOrEqual(Math.max(8192, theirs.join(",").length));
        expect(segmentsOf(once).filter((segment) => !ourKeys.has(keyIn(segment) ?? ""))).toEqual(theirs);
      }),
    );
  });

  test("BAG-24 writes into no header what it would write alone", () => {
    fc.assert(
      fc.property(junkEntries, (ours) => {
        for (const nothing of [undefined, "", [], " , \t,", ["", ""]]) {
          expect(mergeBaggage(nothing, ours)).toBe(formatBaggage(ours));
        }
      }),
    );
  });

  test("BAG-25 gives one line that a header can hold, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(header, anyText, junk), junkEntries, (existing, ours) => {
        // why: callers in JavaScript give what the type forbids
        expect(mergeBaggage(existing as string, ours)).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
      }),
      { numRuns: 300 },
    );
  });
});
