import { runInNewContext } from "node:vm";

import { createExperiments, type ExperimentsOptions } from "otel-experiments";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { openRequest } from "../../support/opened-request.ts";

// What assigners, stores and targeting may answer in JavaScript: nothing of it rejects.

const checkout = { id: "checkout_1", variants: { control: 1, express: 1 } } as const;
type Registry = { readonly checkout: typeof checkout };

const closing: (() => Promise<void>)[] = [];
const unhandled: unknown[] = [];
const diagnosed = recordDiag();
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => void process.on("unhandledRejection", note));
afterEach(async () => {
  await new Promise((resolve) => void setTimeout(resolve, 5));
  process.off("unhandledRejection", note);
  const [first] = unhandled.splice(0);
  if (first !== undefined) throw new Error("a rejection was handled by nobody", { cause: first });
  for (const close of closing.splice(0)) await close();
});

function assign(definition: object, options: Partial<ExperimentsOptions<Registry>> = {}) {
  const experiments = createExperiments<Registry>({
    experiments: { checkout: Object.assign({ fallback: "control" }, checkout, definition) },
    strict: false,
    ...options,
  });
  closing.push(() => experiments.close());
  return openRequest(experiments).run(() => experiments.assign("checkout", "user-7"));
}

/** What awaits takes for a promise, and is none. */
const thenable = (settle: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) => ({
  // oxlint-disable-next-line unicorn/no-thenable -- it is what the test is about
  then(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
    settle(resolve, reject);
  },
});

class Decision {
  get variant(): string {
    return "express";
  }
}

describe("an assigner's answer", () => {
  test.each([
    [
      "that throws when it is read",
      {
        get variant() {
          throw new Error("revoked");
        },
      },
      "control",
    ],
    ["that is an object of a class", new Decision(), "express"],
    ["that is an object of something else", { variation: "express" }, "control"],
    ["by a thenable that is no promise", thenable((resolve) => resolve("express")), "express"],
    ["by a thenable that resolves later", thenable((resolve) => void setTimeout(resolve, 1, "express")), "express"],
    ["by a thenable that rejects", thenable((_, reject) => reject(new Error("down"))), "control"],
    ["by a promise of another realm", runInNewContext("Promise.resolve('express')"), "express"],
  ])("HAN-01 %s is taken for what it is", async (_, answer, variant) => {
    expect(await assign({ assigner: () => answer })).toBe(variant);
  });
});

test("HAN-02 a store that answers by a thenable is believed", async () => {
  for (const variant of ["control", "express"] as const) {
    const store = { get: () => thenable((resolve) => resolve(variant)) as never, set: () => undefined }; // why: as Knex
    expect(await assign({}, { store })).toBe(variant);
  }
});

test("HAN-03 targeting of another realm that is asynchronous by mistake, and fails, harms nobody", async () => {
  const targeting = () => runInNewContext("Promise.reject(new Error('x'))");
  expect(await assign({ targeting })).toBeUndefined();
  expect(diagnosed.lines.join()).toContain("targeting returned");
});

test("HAN-04 a subject, a variant or a name that throws when it is looked at is a mistake like any other", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const revoked = proxy as never; // why: what JavaScript may give
  const experiments = createExperiments({ experiments: { checkout }, strict: false });
  closing.push(() => experiments.close());
  await openRequest(experiments).run(async () => {
    expect(await experiments.assign("checkout", revoked)).toBeUndefined();
    expect(await experiments.assign(revoked, "user-7")).toBeUndefined();
    expect(experiments.record("checkout", revoked)).toBeUndefined();
    experiments.convert(revoked, { value: revoked });
    experiments.expose(revoked);
  });
  expect(await assign({ assigner: () => ({ variant: revoked }) })).toBe("control");
  expect(await assign({ assigner: () => revoked })).toBe("control");
});
