import * as fc from "fast-check";
import { ExperimentConfigError } from "otel-experiments";
import { text } from "otel-experiments/fields";
import { describe, expect, test, vi } from "vitest";
import { planOf } from "../../../src/fields/field.ts";
import { compilePattern } from "../../../src/fields/pattern.ts";

const match = (pattern: RegExp): ((given: string) => boolean) => compilePattern("text", pattern);

/** By the engine: the whole text. */
const engine = (pattern: RegExp): RegExp => new RegExp(`^(?:${pattern.source})$`, pattern.flags);

/** Undefined for a pattern that is refused. */
function matchIfAllowed(pattern: RegExp): ReturnType<typeof match> | undefined {
  try {
    return match(pattern);
  } catch (error) {
    if (error instanceof ExperimentConfigError) return undefined;
    throw error;
  }
}

describe("a pattern", () => {
  test.each([
    /[a-z]{2}-[a-z]+-\d/,
    /^[a-z]{2}-[a-z]+-\d$/,
    /^a/,
    /a$/,
    /\d{4}-\d\d/,
    /a{0,3}b{2}c{1,}/,
    /a*b?c{0,1}/,
    /[ab]{3}[abc]*/,
    /[ab]{0}b*/,
    /[^\]\\]/,
    /[\w.]+/,
    /\.[A-Z]*\//,
    /A\.b/,
    /./,
    /[^]/,
    new RegExp("[]"),
    /\s\S\d\D\w\W/,
    /a\{/,
    /é+/,
    /é+/u,
    /[é-ü]*x?/u,
    /[^a-z]{2}/,
    /[^a-z]{2}/u,
    /.{1,2}/u,
    /\$\^/,
    /[$^(]*/,
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
      ".AB/",
      "\n",
      "É😃",
      "😀",
      "😀😀",
      "\ud83d",
      " a1a_-",
      "a{",
      "é",
      "ééx",
      "$^",
    ]) {
      expect(`${sample} ${ours(sample)}`).toBe(`${sample} ${theirs.test(sample)}`);
    }
  });

  const character = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "[cd]", String.raw`\w`);
  const fixed = fc.constantFrom("", "{1}", "{2}");
  const count = fc.oneof(fixed, fc.constantFrom("*", "+", "?", "{0,2}", "{1,}", "{0}", "{2,2}"));
  const sample = fc.string({ unit: fc.constantFrom("a", "b", "c", "d"), maxLength: 6 });
  const sequence = (counts: fc.Arbitrary<string>): fc.Arbitrary<RegExp> =>
    fc.array(fc.tuple(character, counts), { maxLength: 4, minLength: 1 }).map((all) => new RegExp(all.flat().join("")));

  test("FLP-02 of random classes and counts means what the engine says, where it is allowed", () => {
    let allowed = 0;
    fc.assert(
      fc.property(sequence(count), fc.array(sample, { minLength: 10, maxLength: 10 }), (pattern, samples) => {
        const ours = matchIfAllowed(pattern);
        if (ours === undefined) return;
        allowed++;
        expect(samples.map(ours)).toEqual(samples.map((each) => engine(pattern).test(each)));
      }),
      { numRuns: 2000 },
    );
    expect(allowed).toBeGreaterThan(500);
  });

  test("FLP-07 of random classes with fixed counts is always allowed", () => {
    fc.assert(
      fc.property(sequence(fixed), (pattern) => {
        expect(matchIfAllowed(pattern)).toBeDefined();
      }),
    );
  });

  test.each([
    [/(a)\1/, "(a)"],
    [new RegExp(String.raw`a\1`), "has \\1 in it"],
    [/(?<x>a)\k<x>/, "(?<x>"],
    [/(?=a)b/, "(?=a)b in it"],
    [/a(?!b)/, "(?!b) in it"],
    [/(?<=a)b/, "(?<=a)b in it"],
    [/\bword/, "\\bword in it"],
    [/a|b/, "write [ab] for (a|b), oneOf(…) for a few whole texts"],
    [/(?:ab)+/, "(?:ab)+ in it"],
    [new RegExp(""), "(?:) in it"],
    [/a+?b/, "?b in it"],
    [/a{2}?/, "? in it"],
    [/a^b/, "^b in it"],
    [/a$b/, "$b in it"],
    [/a{/, "{ in it"],
    [/\u0041/, "\\u0041 in it"],
    [/[\x41]/, "[\\x41] in it"],
    [/\n/, "\\n in it"],
    [/\p{Lu}/u, "\\p{Lu} in it"],
    [/😀/u, "😀 in it"],
    [/a[😀]/u, "[😀] in it"],
    [/a/i, "the flags i"],
    [/a/s, "the flags s"],
    [/a/m, "the flags m"],
    [/a/v, "the flags v"],
    [/a/gy, "the flags gy"],
    [/a/giu, "the flags giu"],
    [/[a-z]{1,8}[a-z0-9]{0,4}/, "[a-z]{1,8} before [a-z0-9]{0,4}, which share characters"],
    [/a*a/, "a* before a,"],
    [/a?b*a/, "a? before a,"],
    [/\d+\.?\d*/, "\\d+ before \\d*,"],
    [/[a-z]+-*[^0-9]{2}/, "[a-z]+ before [^0-9]{2},"],
    [/[^a]*[^b]/u, "[^a]* before [^b],"],
    [/é{1,3}\D/, "é{1,3} before \\D,"],
    [/.*x/, ".* before x,"],
    [/a{1,2}a{0}b/, "a{1,2} before a{0},"],
  ])("FLP-03 %s is refused at set-up, with the reason and with all that may be written", (pattern, reason) => {
    expect(() => text({ pattern })).toThrow(ExperimentConfigError);
    expect(() => text({ pattern })).toThrow(reason);
    expect(() => text({ pattern })).toThrow(
      "a pattern is a sequence of characters, escapes such as \\d and \\., and classes such as [a-z], each with ?, *, +, {2} or {2,5} where needed; ",
    );
  });

  test("FLP-04 with many counts that are open costs in time with the text's length", () => {
    const letters = "abcdefghijklmnopqrstuvwxyz".split("");
    const pattern = new RegExp(`${letters.map((letter) => `${letter}*`).join("")}-`);
    const codec = planOf(text({ pattern, maxLength: 1024 }))?.codec;
    const value = letters.map((letter) => letter.repeat(39)).join("");
    const started = performance.now();
    expect(codec?.decode(`${value}!`)).toBeUndefined();
    expect(codec?.decode(`${value}-`)).toBe(`${value}-`);
    // The number of ways to leave off the ends of 26 parts is 39 to the 26th.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("FLP-05 asks the engine once for each piece at most, however long the text is", () => {
    const matches = match(/[a-z]+-[a-z]*é{2,}x/);
    const asked = vi.spyOn(RegExp.prototype, "test");
    for (const length of [10, 100, 1000]) {
      asked.mockClear();
      expect(matches(`ab-cd${"é".repeat(length)}`)).toBe(false);
      expect(asked.mock.calls.length).toBe(5);
    }
    asked.mockRestore();
  });

  test("FLP-06 has no memory of the text before", () => {
    const matches = match(/a+b?/);
    expect([matches("aa"), matches("aa"), matches("b"), matches("aab"), matches("aac"), matches("ab")]).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
  });
});
