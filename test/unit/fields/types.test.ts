import { createExperiments, defineExperiments, type Experiments, type Scope } from "otel-experiments";
import {
  boolean,
  type ClosedField,
  defineFields,
  type Field,
  type FieldName,
  type Fields,
  type FieldValue,
  type FieldValueOf,
  integer,
  list,
  oneOf,
  text,
} from "otel-experiments/fields";
import { flow } from "otel-experiments/flow";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, describe, expect, expectTypeOf, test } from "vitest";

// The compiler holds these: `tsc -p .` fails where one does not. What runs is only that nothing throws.

const registry = defineExperiments({ checkout: { id: "checkout_1", variants: ["control", "express"] } });
const fields = defineFields({
  user_tier: oneOf("free", "premium").on("span", "log", "metric").mutable(),
  is_premium: boolean().mutable().on("metric"),
  item_count: integer({ max: 999 }).on("span"),
  features: list({ maxItems: 8 }),
  region: text({ pattern: /[a-z]+/ }),
});
const typed = createExperiments({ experiments: registry, fields, strict: false });
const inline = createExperiments({ fields: { plan: oneOf("a", "b") }, strict: false });
const loose = createExperiments({ trustInbound: true, strict: false });

afterAll(async () => {
  for (const experiments of [typed, inline, loose]) await experiments.close();
});

describe("declared fields", () => {
  test("FLT-01 are read with the type that they declare", () => {
    expectTypeOf(typed.fields.get("user_tier")).toEqualTypeOf<"free" | "premium" | undefined>();
    expectTypeOf(typed.fields.get("is_premium")).toEqualTypeOf<boolean | undefined>();
    expectTypeOf(typed.fields.get("item_count")).toEqualTypeOf<number | undefined>();
    expectTypeOf(typed.fields.get("features")).toEqualTypeOf<readonly string[] | undefined>();
    expectTypeOf(typed.fields.get("region")).toEqualTypeOf<string | undefined>();
    expectTypeOf(inline.fields.get("plan")).toEqualTypeOf<"a" | "b" | undefined>();
    expectTypeOf(typed.current().fields.get("user_tier")).toEqualTypeOf<"free" | "premium" | undefined>();
    expectTypeOf(typed.of({}).fields.set("item_count", 3)).toEqualTypeOf<boolean>();
  });

  test("FLT-02 unknown names and values of another type do not compile", () => {
    // @ts-expect-error -- no such field
    expect(typed.fields.get("user_teir")).toBeUndefined();
    // @ts-expect-error -- none of its texts
    expect(typed.fields.set("user_tier", "gold")).toBe(false);
    // @ts-expect-error -- a number
    expect(typed.fields.set("item_count", "3")).toBe(false);
    // @ts-expect-error -- a list
    expect(typed.fields.set("features", "wishlist")).toBe(false);
    // @ts-expect-error -- a boolean
    expect(typed.current().fields.set("is_premium", 1)).toBe(false);
    // @ts-expect-error -- no such field
    expect(typed.current().fields.set("teir", "free")).toBe(false);
    // @ts-expect-error -- experiments keep their types beside them
    expect(typed.variant("search")).toBeUndefined();
  });

  test("FLT-03 what is read cannot be changed", () => {
    const change = (): void => {
      // @ts-expect-error -- a list is read-only
      typed.fields.get("features")?.push("another");
    };
    expect(change).toBeTypeOf("function");
  });

  test("FLT-04 only what is closed goes on measurements, before and after other options", () => {
    expectTypeOf(oneOf("a", "b")).toEqualTypeOf<ClosedField<"a" | "b">>();
    expectTypeOf(boolean().on("span").mutable().on("metric")).toEqualTypeOf<ClosedField<boolean>>();
    expectTypeOf(oneOf("a").notSensitive().on("metric")).toEqualTypeOf<ClosedField<"a">>();
    expectTypeOf(integer().on("span", "log").mutable().notSensitive()).toEqualTypeOf<Field<number>>();
    // @ts-expect-error -- as many series as numbers
    expect(() => integer().on("metric")).toThrow("metric");
    // @ts-expect-error -- as many series as texts
    expect(() => text().mutable().on("span", "metric")).toThrow("metric");
    // @ts-expect-error -- as many series as lists
    expect(() => list().on("metric")).toThrow("metric");
    // @ts-expect-error -- no such signal
    expect(() => boolean().on("trace")).toThrow("trace");
    // @ts-expect-error -- one of nothing
    expect(() => oneOf()).toThrow("oneOf");
  });

  test("FLT-05 carry their types through a package that declares them, and through generic code", () => {
    expectTypeOf<FieldName<typeof fields>>().toEqualTypeOf<
      "user_tier" | "is_premium" | "item_count" | "features" | "region"
    >();
    expectTypeOf<FieldValueOf<typeof fields, "features">>().toEqualTypeOf<readonly string[]>();
    function read<K extends FieldName<typeof fields>>(name: K): FieldValueOf<typeof fields, K> | undefined {
      return typed.fields.get(name);
    }
    expectTypeOf(read("user_tier")).toEqualTypeOf<"free" | "premium" | undefined>();
    expectTypeOf(typed).toEqualTypeOf<Experiments<typeof registry, typeof fields>>();
    expectTypeOf(typed.current()).toEqualTypeOf<Scope<typeof registry, typeof fields>>();
  });

  test("FLT-06 experiments with fields stand where those without are asked for, and where adapters take any", () => {
    const variantOf = (experiments: Experiments<typeof registry>): string | undefined =>
      experiments.variant("checkout");
    expect(variantOf(typed)).toBeUndefined();
    const scopeOf = (scope: Scope<typeof registry>): number => scope.assignments.length;
    expect(scopeOf(typed.current())).toBe(0);
    expect(nodeExperiments(typed, () => undefined)).toBeTypeOf("function");
    expect(flow(typed, "checkout")).toBeTypeOf("object");
  });
});

test("FLT-10 without declared fields names are strings, and values what fields can be", () => {
  expectTypeOf(loose).toEqualTypeOf<Experiments>();
  expectTypeOf(loose.fields.get("whatever")).toEqualTypeOf<FieldValue | undefined>();
  expectTypeOf<FieldName<Fields>>().toEqualTypeOf<string>();
  expect(loose.fields.get("whatever")).toBeUndefined();
  // @ts-expect-error -- no field is such a thing
  expect(loose.fields.set("whatever", {})).toBe(false);
});
