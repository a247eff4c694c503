import { readFileSync } from "node:fs";
import { type BaggageMember, formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";

type Entry = Parameters<typeof formatBaggage>[0][number];

interface Vector {
  readonly id: string;
  readonly kind: "extract" | "inject" | "merge";
  readonly header: string | readonly string[];
  readonly expect:
    | "reject-member"
    | "reject-all"
    | readonly (Omit<BaggageMember, "properties"> & Partial<BaggageMember>)[];
  readonly entries: readonly Entry[];
  readonly existing: string | readonly string[];
  readonly expectedHeader: string | null;
  readonly alsoValid?: readonly (string | null)[];
}

// why: the file is a list of cases, each with the fields of its kind
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as readonly Vector[];

describe("the vectors of baggage.json", () => {
  test.each(vectors.filter(({ kind }) => kind === "extract"))("$id reads as it should", (vector) => {
    const expected = typeof vector.expect === "string" ? [] : vector.expect;
    expect(parseBaggage(vector.header)).toEqual(expected.map((member) => ({ properties: [], ...member })));
  });

  test.each(vectors.filter(({ kind }) => kind === "inject"))("$id is written as it should", (vector) => {
    expect(formatBaggage(vector.entries)).toBe(vector.expectedHeader ?? "");
  });

  test.each(vectors.filter(({ kind }) => kind === "merge"))("$id merges as it should", (vector) => {
    expect(mergeBaggage(vector.existing, vector.entries)).toBe(vector.expectedHeader ?? "");
  });
});
