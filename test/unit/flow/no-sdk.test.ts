import { once } from "node:events";
import { diag } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import { flow } from "otel-experiments/flow";
import { afterAll, expect, test } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { EXPRESS_MEMBERS, turns } from "./stage.ts";

// No SDK is registered in this file: no span, no measurement, and OpenTelemetry keeps no context.

const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
const checkout = flow(experiments, "checkout");
const log = recordDiag();

afterAll(async () => {
  diag.disable();
  await experiments.close();
});

test("FLO-140 without an SDK results, errors, parallel and nested steps are the same", async () => {
  const mine = new Error("mine");
  const result = await checkout.run(async (step) => {
    const both = await Promise.all([step("a", () => 1), step("b", async ({ step: nested }) => nested("c", () => 2))]);
    const lost = await step("d", () => Promise.reject(mine)).catch(() => undefined);
    return [...both, lost];
  });
  expect(result).toEqual([1, 2, undefined]);
  await expect(checkout.run((step) => step("a", () => Promise.reject(mine)))).rejects.toBe(mine);
  expect(log.take()).toEqual([]);
});

test("FLO-141 without an SDK what rejects because a signal was aborted passes through nested steps as it is", async () => {
  const stop = new AbortController();
  const asking = Promise.withResolvers<void>();
  const aborted = checkout.run((outer) =>
    outer("paying", async () => {
      await turns();
      await outer("asking", () => {
        asking.resolve();
        return once(stop.signal, "abort").then(() => stop.signal.throwIfAborted());
      });
    }),
  );
  await asking.promise;
  stop.abort();
  await expect(aborted).rejects.toBe(stop.signal.reason);
});

test("FLO-142 without an SDK the scope stays, also for steps of a flow that began in it", async () => {
  const variants: unknown[] = [];
  const look = (): void => void variants.push(experiments.variant("checkout"));
  await openRequest(experiments, { header: EXPRESS_MEMBERS }).run(() =>
    checkout.run(async (step) => {
      look();
      await step("paying", async () => {
        await turns();
        look();
      });
    }),
  );
  expect(variants).toEqual(["express", "express"]);
});
