import { AsyncResource } from "node:async_hooks";
import { context, type Span, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import fastify from "fastify";
import type { Experiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createOpen } from "../../support/experiments.ts";

beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));

afterEach(() => vi.useRealTimers());

afterAll(() => context.disable());

const create = (): Experiments => createOpen({ trustInbound: () => true, strict: false });

const message = (variant: string): { readonly baggage: string } => ({
  baggage: `experiment.checkout.variant=${variant}`,
});

test("NST-01 of two messages that another instance runs within one message, a bound callback has its own message's variant", async () => {
  const [outer, inner] = [create(), create()];
  const bound = new Map<string, () => string | undefined>();
  await outer.run(message("batch"), async () => {
    for (const variant of ["control", "express"]) {
      await inner.run(message(variant), async () => {
        bound.set(
          variant,
          context.bind(context.active(), () => inner.variant("checkout")),
        );
        expect([...bound].map(([own, callback]) => [own, callback()])).toEqual(
          [...bound.keys()].map((own) => [own, own]),
        );
        expect(outer.variant("checkout")).toBe("batch");
      });
    }
  });
});

test.each<[string, (fn: () => void) => void]>([
  ["without a span", (fn) => fn()],
  [
    "with a span",
    (fn) => {
      const span: Span = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] })
        .getTracer("shop")
        .startSpan("batch");
      context.with(trace.setSpan(context.active(), span), fn);
    },
  ],
])(
  "NST-02 a callback bound %s to a request that injects another one has its own request's variant",
  async (_name, within) => {
    const experiments = create();
    const app = fastify();
    app.register(fastifyExperiments, { experiments });
    let callback: () => string | undefined = () => "not bound";
    app.get("/batch", async () => {
      within(() => {
        callback = context.bind(context.active(), () => experiments.variant("checkout"));
      });
      const { body } = await app.inject({ url: "/one", headers: message("express") });
      return `${body}; ${experiments.variant("checkout")}`;
    });
    app.get("/one", async () => `${experiments.variant("checkout")}, bound ${callback()}`);
    const { body } = await app.inject({ url: "/batch", headers: message("control") });
    await app.close();
    expect(body).toBe("express, bound control; control");
  },
);

test("NST-03 a message that is over counts for no job that another instance runs within it", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const [outer, inner] = [create(), create()];
  let long = new AsyncResource("job");
  const poller = outer.run(message("express"), () => {
    void inner.run({}, () => {
      long = new AsyncResource("job");
      return new Promise(() => undefined);
    });
    return new AsyncResource("poller");
  });
  const poll = (): unknown => poller.runInAsyncScope(() => inner.run({}, () => outer.variant("checkout")));
  const goOn = (): unknown => long.runInAsyncScope(() => outer.variant("checkout"));
  expect([poll(), goOn()]).toEqual(["express", "express"]);
  vi.advanceTimersByTime(30_001);
  expect([poll(), goOn()]).toEqual([undefined, undefined]);
});
