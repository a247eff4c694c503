import { expect, test } from "vitest";
import { Failures } from "../../../src/flow/failures.ts";

const run = {};

test("FLO-200 a long flow knows its last errors, and each is as new as when it was noted last", () => {
  const failures = new Failures();
  failures.note("first", run, "a", 0);
  failures.note("kept", run, "b", 0);
  for (let i = 0; i < 62; i++) failures.note(`other ${i}`, run, "c", 0);
  expect(failures.note("kept", run, "around", 0)).toEqual({ error: "kept", blamed: "b", isNew: false });
  for (let i = 0; i < 60; i++) failures.note(`another ${i}`, run, "c", 0);
  expect(failures.note("kept", run, "around", 0)).toEqual({ error: "kept", blamed: "b", isNew: false });
  expect(failures.note("first", run, "around", 0)).toEqual({ error: "first", blamed: "around", isNew: true });
});

test("FLO-201 an error that was noted before somebody began is new to them", () => {
  const failures = new Failures();
  failures.note("again", run, "a", 0);
  expect(failures.note("again", run, "b", failures.place)).toEqual({ error: "again", blamed: "b", isNew: true });
});
