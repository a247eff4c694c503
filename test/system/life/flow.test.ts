import { metrics } from "@opentelemetry/api";
import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createExperiments, type Experiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { flow } from "otel-experiments/flow";
import type { InboundHarness } from "otel-experiments/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { startPoints } from "../../support/points.ts";
import { isServerSpan, startTracing } from "../../support/tracing.ts";
import { EXPRESS, exceptionsIn, turns } from "../../unit/flow/stage.ts";

// A shop at the edge, whose flow calls a bank, which continues the trace with a flow of its own.

const tracing = startTracing([
  new HttpInstrumentation(),
  new ExpressInstrumentation(),
  new KoaInstrumentation(),
  new UndiciInstrumentation(),
]);
const harnesses = newestHarnesses();

afterEach(() => tracing.clear());
afterAll(() => tracing.stop());

interface Services extends AsyncDisposable {
  /** One checkout, by the variant that the shop records. */
  buy(variant: "control" | "express"): Promise<number>;
  /** Lets the bank refuse. */
  bankFails: boolean;
}

async function startServices(harness: InboundHarness): Promise<Services> {
  const atBank = createExperiments({ experiments: REGISTRY, trustInbound: true });
  const payment = flow(atBank, "payment");
  const bank = await harness.serve({
    mount: [atBank],
    handler: async ({ reply }) => {
      try {
        await payment.run((step) =>
          step("debiting", async () => {
            await turns();
            if (services.bankFails) throw new Error("no cover");
          }),
        );
        reply(200, "paid");
      } catch {
        reply(402, "refused");
      }
    },
  });
  const origin = `http://127.0.0.1:${bank.port}`;
  const atShop = createExperiments({ experiments: REGISTRY, propagateTo: [origin] });
  const fetch = experimentFetch(atShop);
  const checkout = flow(atShop, "checkout", { converts: "order_placed" });
  const shop = await harness.serve({
    mount: [atShop],
    handler: async ({ request, reply }) => {
      try {
        await checkout.run(async (step) => {
          // why: the two paths of this test
          await step("assigning", () => void atShop.record("checkout", request.url?.slice(1) as "control" | "express"));
          atShop.expose("checkout");
          await step("paying", async () => {
            const answer = await fetch(`${origin}/pay`);
            await answer.text();
            if (!answer.ok) throw new Error(`the bank said ${answer.status}`);
          });
        });
        reply(200, "bought");
      } catch {
        reply(500, "not bought");
      }
    },
  });
  const closing: readonly Experiments<typeof REGISTRY>[] = [atBank, atShop];
  const services: Services = {
    bankFails: false,
    buy: async (variant) => (await send(shop.port, { path: `/${variant}` })).status,
    async [Symbol.asyncDispose]() {
      await shop.close();
      await bank.close();
      for (const experiments of closing) await experiments.close();
    },
  };
  return services;
}

/** The ended span of this name. */
function spanOf(name: string, spans: readonly ReadableSpan[]): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} spans are ${name}`);
  return only;
}

/** The names of the spans above one, nearest first. */
function above(span: ReadableSpan, spans: readonly ReadableSpan[]): readonly string[] {
  const parent = spans.find((each) => each.spanContext().spanId === span.parentSpanContext?.spanId);
  return parent === undefined ? [] : [isServerSpan(parent) ? "SERVER" : parent.name, ...above(parent, spans)];
}

describe.each(harnesses)("$name", (harness) => {
  test("FLO-170 a flow that calls another service's flow: one trace, each span below its step, the variant on all of them", async () => {
    const measuring = startPoints();
    await using services = await startServices(harness);
    expect(await services.buy("express")).toBe(200);
    await tracing.serverSpans(2);
    const spans = tracing.spans();
    const names = ["checkout.process", "checkout.step.paying", "payment.process", "payment.step.debiting"];
    for (const name of names) expect(spanOf(name, spans).attributes).toMatchObject(EXPRESS);
    expect(new Set(names.map((name) => spanOf(name, spans).spanContext().traceId)).size).toBe(1);
    expect(above(spanOf("checkout.step.paying", spans), spans)[0]).toBe("checkout.process");
    expect(above(spanOf("checkout.process", spans), spans)).toContain("SERVER");
    const path = above(spanOf("payment.step.debiting", spans), spans);
    expect(path[0]).toBe("payment.process");
    expect(path).toEqual(
      expect.arrayContaining(["payment.process", "SERVER", "checkout.step.paying", "checkout.process"]),
    );
    for (const span of spans.filter(isServerSpan)) expect(span.attributes).toMatchObject(EXPRESS);
    expect(await measuring.attributes("checkout.completed")).toEqual([{ "checkout.status": "success", ...EXPRESS }]);
    expect(await measuring.attributes("payment.completed")).toEqual([{ "payment.status": "success", ...EXPRESS }]);
    expect(await measuring.attributes("experiment.conversions")).toEqual([
      { "experiment.conversion": "order_placed", ...EXPRESS },
    ]);
    metrics.disable();
  });

  test("FLO-171 a failure behind is each service's own: its step, its exception, its status", async () => {
    const measuring = startPoints();
    await using services = await startServices(harness);
    services.bankFails = true;
    expect(await services.buy("control")).toBe(500);
    await tracing.serverSpans(2);
    const spans = tracing.spans();
    expect(exceptionsIn(spans)).toEqual([
      ["payment.step.debiting", "no cover"],
      ["checkout.step.paying", "the bank said 402"],
    ]);
    expect(spanOf("checkout.process", spans).attributes).toMatchObject({
      "checkout.status": "failure",
      "checkout.failure_step": "paying",
      "experiment.variant": "control",
    });
    expect(await measuring.sums("payment.completed", "payment.status")).toEqual({ failure: 1 });
    expect(await measuring.attributes("experiment.conversions")).toEqual([]);
    metrics.disable();
  });

  test("FLO-172 interleaved flows of two variants have their own on every span and measurement", async () => {
    const measuring = startPoints();
    await using services = await startServices(harness);
    const variants = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? "control" : "express"));
    expect(new Set(await Promise.all(variants.map((variant) => services.buy(variant))))).toEqual(new Set([200]));
    await tracing.serverSpans(120);
    const spans = tracing.spans();
    const variantIn = new Map<string, unknown>();
    for (const span of spans.filter(({ name }) => name === "checkout.process")) {
      variantIn.set(span.spanContext().traceId, span.attributes["experiment.variant"]);
    }
    expect(variantIn.size).toBe(60);
    const flowing = spans.filter(({ name }) => /^(payment\.|checkout\.step\.paying)/.test(name));
    expect(flowing).toHaveLength(180);
    const wrong = flowing.filter(
      (span) => span.attributes["experiment.variant"] !== variantIn.get(span.spanContext().traceId),
    );
    expect(wrong).toEqual([]);
    for (const instrument of ["checkout.completed", "payment.completed"]) {
      expect(await measuring.sums(instrument, "experiment.variant")).toEqual({ control: 20, express: 40 });
    }
    metrics.disable();
  });
});
