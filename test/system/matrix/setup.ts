import { beforeEach } from "vitest";
import { exceptionsOf, idOf } from "./exceptions.ts";
import { majorsOf } from "./majors.ts";

// Runs before each test file of a set: a test that the list names has to fail.

const { sdk, node } = majorsOf(process.cwd());
const expected = exceptionsOf(sdk, node);

beforeEach(({ task }) => {
  if (expected.has(idOf(task.name))) Object.assign(task, { fails: true });
});
