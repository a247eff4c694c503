import { expect, test } from "vitest";
import { Failures } from "../../../src/flow/failures.ts";

const flow = {};
const failed = (step: string, since = 0) => ({ flow, step, since });

test("FLO-200 a long flow knows its last errors, and each is as new as when it was noted last", () => {
  const failures = new Failures();
  failures.note("first", failed("a"));
  failures.note("kept", failed("b"));
  for (let i = 0; i < 62; i++) failures.note(`other ${i}`, failed("c"));
  expect(failures.note("kept", failed("around"))).toEqual({ step: "b", isNew: false });
  for (let i = 0; i < 60; i++) failures.note(`another ${i}`, failed("c"));
  expect(failures.note("kept", failed("around"))).toEqual({ step: "b", isNew: false });
  expect(failures.note("first", failed("around"))).toEqual({ step: "around", isNew: true });
});

test("FLO-201 an error that was noted before somebody began is new to them", () => {
  const failures = new Failures();
  failures.note("again", failed("a"));
  expect(failures.note("again", failed("b", failures.begin()))).toEqual({ step: "b", isNew: true });
});
