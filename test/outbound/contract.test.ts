import {
  checkOutboundCase,
  checkOutboundLacks,
  type OutboundCase,
  type OutboundHarness,
  outboundContract,
} from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { outboundHarnesses } from "../support/clients/all.ts";

const harnesses = outboundHarnesses();

describe.each(harnesses)("the outbound contract on $name", (harness) => {
  test.each(outboundContract)("$id $title", async (outboundCase) => {
    await expect(checkOutboundCase(outboundCase, harness)).resolves.toBeUndefined();
  });

  test("OUT-R1 lacks no case that there is none of", () => {
    expect(() => checkOutboundLacks(harness)).not.toThrow();
  });
});

const passing: OutboundCase = { id: "OUT-01", title: "passes", run: async () => undefined };
const failing: OutboundCase = { id: "OUT-01", title: "fails", run: () => Promise.reject(new Error("it fails")) };

function lacking(lacks: Record<string, string>): OutboundHarness {
  const [harness] = harnesses;
  if (harness === undefined) throw new Error("there is no harness");
  return { ...harness, name: "another", lacks };
}

describe("the rule of what a harness lacks", () => {
  test("OUT-R2 a case that fails is a failure where it is not named", async () => {
    await expect(checkOutboundCase(failing, lacking({}))).rejects.toThrow("it fails");
  });

  test("OUT-R3 a case that fails is none where it is named with a reason", async () => {
    await expect(checkOutboundCase(failing, lacking({ "OUT-01": "it sends nothing" }))).resolves.toBeUndefined();
  });

  test("OUT-R4 a case that passes although it is named is a failure", async () => {
    await expect(checkOutboundCase(passing, lacking({ "OUT-01": "it sends nothing" }))).rejects.toThrow(
      'another passes OUT-01; remove it from lacks: "it sends nothing"',
    );
  });

  test("OUT-R5 a name without a reason is a failure", async () => {
    await expect(checkOutboundCase(failing, lacking({ "OUT-01": " " }))).rejects.toThrow(
      "lacks OUT-01 without a reason",
    );
  });

  test("OUT-R6 a name that is no case's is a failure", () => {
    expect(() => checkOutboundLacks(lacking({ "OUT-00": "there is none" }))).toThrow("OUT-00");
  });

  test("OUT-R7 ids are unique, and titles too", () => {
    expect(new Set(outboundContract.map(({ id }) => id)).size).toBe(outboundContract.length);
    expect(new Set(outboundContract.map(({ title }) => title)).size).toBe(outboundContract.length);
  });
});
