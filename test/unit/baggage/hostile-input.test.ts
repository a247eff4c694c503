import { formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { expect, test } from "vitest";
import { OwnMemberReader } from "../../../src/baggage/own.ts";

test("HOS-01 a member behind JavaScript's white space is counted once, also where its value holds an escape of a letter of the prefix", () => {
  const { malformed, encoded } = new OwnMemberReader("experiment.").read("\u00a0experiment.checkout.variant=%65xpress");
  expect({ malformed, encoded }).toEqual({ malformed: 1, encoded: 0 });
});

const refuse = (): never => {
  throw new Error("no");
};

test("HOS-02 a member whose getter throws is dropped", () => {
  const hostile = {
    get key() {
      return refuse();
    },
    value: "1",
  } as unknown as { key: string; value: string };
  expect(formatBaggage([hostile, { key: "a", value: 1 }])).toBe("a=1");
  expect(mergeBaggage("b=2", [hostile, { key: "a", value: 1 }])).toBe("b=2,a=1");
});

test("HOS-03 a property whose getter throws is dropped", () => {
  const property = {
    get key() {
      return refuse();
    },
  } as unknown as { key: string };
  expect(formatBaggage([{ key: "a", value: 1, properties: [property] }])).toBe("a=1");
});

test("HOS-04 a revoked proxy carries nothing", () => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  expect(parseBaggage(proxy as unknown as string)).toEqual([]);
  expect(formatBaggage(proxy as unknown as [])).toBe("");
});
