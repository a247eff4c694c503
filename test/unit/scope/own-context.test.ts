import { createContextKey, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { describe, expect, test } from "vitest";
import { contextWithoutOwn } from "../../../src/scope/own-context.ts";

const OWN = { owns: (key: string): boolean => key.startsWith("experiment.") };
const KEY = createContextKey("otel-experiments.test");
const BOTH = { "experiment.checkout.variant": { value: "express" }, session: { value: "7" } };

function keysIn(context = ROOT_CONTEXT): readonly string[] {
  return (propagation.getBaggage(context)?.getAllEntries() ?? []).map(([key]) => key);
}

describe.each([false, true])("OpenTelemetry's baggage, if own members are likely: %s", (isLikely) => {
  const given = propagation.setBaggage(ROOT_CONTEXT.setValue(KEY, 1), propagation.createBaggage(BOTH));
  const cleaned = contextWithoutOwn(OWN, given, isLikely) ?? given;

  test("CLN-01 has no own members in the cleaned context, nor in contexts that are derived from it", () => {
    const contexts = [
      cleaned,
      cleaned.setValue(KEY, 2),
      cleaned.deleteValue(KEY),
      cleaned.setValue(KEY, 2).deleteValue(KEY),
    ];
    expect(contexts.map(keysIn)).toEqual(contexts.map(() => ["session"]));
    expect(contexts.map((context) => context.getValue(KEY))).toEqual([1, 2, undefined, undefined]);
    expect(propagation.getBaggage(contexts[1] ?? given)).toBe(propagation.getBaggage(cleaned));
  });

  test("CLN-02 stays as it is in the context that was given", () => {
    expect(keysIn(given)).toEqual(Object.keys(BOTH));
  });

  test("CLN-03 can be set and deleted in the cleaned context", () => {
    const other = propagation.createBaggage({ tenant: { value: "acme" } });
    expect(propagation.getBaggage(propagation.setBaggage(cleaned, other))).toBe(other);
    expect(propagation.getBaggage(propagation.deleteBaggage(cleaned))).toBeUndefined();
    expect(propagation.setBaggage(cleaned, other).getValue(KEY)).toBe(1);
  });

  test("CLN-04 is the same object if it has no own members", () => {
    const foreign = propagation.createBaggage({ session: { value: "7" } });
    const context = propagation.setBaggage(ROOT_CONTEXT, foreign);
    expect(propagation.getBaggage(contextWithoutOwn(OWN, context, isLikely) ?? context)).toBe(foreign);
  });

  test("CLN-05 is empty if it cannot be read", () => {
    const broken = propagation.createBaggage(BOTH);
    broken.removeEntries = () => {
      throw new Error("broken");
    };
    const context = propagation.setBaggage(ROOT_CONTEXT, broken);
    expect(keysIn(contextWithoutOwn(OWN, context, isLikely))).toEqual([]);
  });
});
