import * as fc from "fast-check";
import { ExperimentConfigError } from "otel-experiments";
import { text } from "otel-experiments/fields";
import { describe, expect, test, vi } from "vitest";
import { FIELD } from "../../../src/fields/field.ts";
import { compilePattern } from "../../../src/fields/pattern.ts";

const match = (pattern: RegExp): ((given: string) => boolean) => compilePattern("text", pattern);

/** By the engine: the whole text. */
const engine = (pattern: RegExp): RegExp => new RegExp(`^(?:${pattern.source})$`, pattern.flags);

describe("a pattern", () => {
  test.each([
    /[a-z]{2}-[a-z]+-\d/,
    /^[a-z]{2}-[a-z]+-\d$/,
    /a|bc|/,
    /^a$|^b$/,
    /(?:a|b)*c?/,
    /(a+)+b/,
    /(?<year>\d{4})-(?<month>\d\d)/,
    /a{0,3}b{2}c{1,}?/,
    /[^\]\\]/,
    /[\w.]+/i,
    /\u0041\x42\.\//,
    /./s,
    /./,
    /\p{Lu}[\u{1f600}-\u{1f64f}]/u,
    /😀+/u,
    /[\ud83d]./,
    /(){3}|((a?){2}){2}/,
    /[^]/,
    /\s\S\d\D\w\W/,
    /a{/,
  ])("FLP-01 %s means what the engine says, for the whole text", (pattern) => {
    const [ours, theirs] = [match(pattern), engine(pattern)];
    const samples = [
      "",
      "a",
      "b",
      "c",
      "bc",
      "ab",
      "abc",
      "aab",
      "eu-west-1",
      "xeu-west-1",
      "2026-11",
      "aaabbc",
      "aabbcc",
    ];
    for (const sample of [
      ...samples,
      "]",
      "\\",
      "A.b",
      "AB./",
      "\n",
      "É😃",
      "😀",
      "😀😀",
      "\ud83d",
      " a1a_-",
      "a{",
      "é",
    ]) {
      expect(`${sample} ${ours(sample)}`).toBe(`${sample} ${theirs.test(sample)}`);
    }
  });

  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", String.raw`\w`, "(?:)", "c");
  const quantifier = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "{0}");
  const sequenceOf = (piece: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.array(fc.tuple(piece, quantifier), { maxLength: 3 }).map((pieces) => pieces.flat().join(""));
  const groupOf = (sequence: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.array(sequence, { minLength: 1, maxLength: 3 }).map((choices) => `(${choices.join("|")})`);
  // Not deeper, since the engine goes back over what is nested.
  const inner = groupOf(sequenceOf(atom));
  const source = sequenceOf(fc.oneof(atom, inner, groupOf(sequenceOf(fc.oneof(atom, inner)))));

  test("FLP-02 of random classes, groups, alternatives and quantifiers means what the engine says", () => {
    const given = fc.string({ unit: fc.constantFrom("a", "b", "c", "d"), maxLength: 5 });
    fc.assert(
      fc.property(source, given, (random, sample) => {
        const pattern = new RegExp(random);
        expect(match(pattern)(sample)).toBe(engine(pattern).test(sample));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [/(a)\1/, "a back-reference"],
    [/(?<x>a)\k<x>/, "a back-reference"],
    [/(?=a)b/, "look-around"],
    [/a(?!b)/, "look-around"],
    [/(?<=a)b/, "look-around"],
    [/(?<!a)b/, "look-around"],
    [/\bword/, "a word boundary"],
    [/a^b/, "a ^ within it"],
    [/a$b/, "a $ within it"],
    [/(^a)/, "a ^ within it"],
    [/a{1025}/, "more than 1024 atoms"],
    [/((a{20}){20}){20}/, "more than 1024 atoms"],
    [/(((){2000}){2000}){2000}/, "more than 1024 atoms"],
    [/a{1000000000}/, "more than 1024 atoms"],
    [/a/v, "the flag v"],
    [/a/m, "the flag m"],
  ])("FLP-03 %s is refused at set-up: it has %s", (pattern, what) => {
    expect(() => text({ pattern })).toThrow(ExperimentConfigError);
    expect(() => text({ pattern })).toThrow(what);
  });

  test("FLP-04 that an engine goes back over for ever is matched at once, and in time with the text's length", () => {
    const pattern = /(a|aa)+(a*)*(\w+\s?)*[b-]/;
    const field = text({ pattern, maxLength: 1024 })[FIELD];
    const started = performance.now();
    expect(field.codec.decode(`${"a".repeat(1023)}!`)).toBeUndefined();
    expect(field.codec.decode(`${"a".repeat(1023)}-`)).toBe(`${"a".repeat(1023)}-`);
    // An engine that goes back would need more than the age of the universe.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("FLP-05 asks of each character once for each atom at most", () => {
    const matches = match(/(?:[é]+|[é])+x/);
    const asked = vi.spyOn(RegExp.prototype, "test");
    const atoms = 7; // A repetition of once or more is one and the rest.
    for (const length of [10, 100, 1000]) {
      asked.mockClear();
      expect(matches("é".repeat(length))).toBe(false);
      expect(asked.mock.calls.length).toBeGreaterThan(length);
      expect(asked.mock.calls.length).toBeLessThanOrEqual(length * atoms);
    }
    asked.mockRestore();
  });

  test("FLP-06 with the flags g and y has no memory", () => {
    const matches = match(/a+/gy);
    expect([matches("aa"), matches("aa"), matches("b")]).toEqual([true, true, false]);
  });
});
