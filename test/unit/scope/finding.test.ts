import { EventEmitter } from "node:events";
import { type Context, context, propagation, ROOT_CONTEXT, type Span, SpanKind, trace } from "@opentelemetry/api";
import * as managers from "@opentelemetry/context-async-hooks";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import type { Experiments } from "otel-experiments";
import { rememberScope } from "otel-experiments/adapter";
import { ExperimentPropagator, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createOpen } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";

type Manager = Parameters<typeof context.setGlobalContextManager>[0];

/** The context managers of the installed SDK; the older ones have one over `async_hooks` too. */
const managersByName = Object.entries(managers).filter(([name]) => name.endsWith("ContextManager"));

const tracer = new TracerProvider().getTracer("shop");
const watched = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] }).getTracer("shop");

/** How a request shows in OpenTelemetry's context. */
type Showing = "SERVER span" | "no span";

interface Served {
  /** The context in which the request's code runs. */
  readonly within: Context;
  run<T>(fn: () => T): T;
  close(): void;
}

/** A request with a variant. */
function serve(experiments: Experiments, variant: string, showing: Showing): Served {
  const span: Span = tracer.startSpan("GET /", { kind: SpanKind.SERVER });
  const active =
    showing === "no span"
      ? ROOT_CONTEXT
      : setRPCMetadata(trace.setSpan(ROOT_CONTEXT, span), { type: RPCType.HTTP, span });
  const header = `experiment.checkout.variant=${variant}`;
  const opened = context.with(active, () => openRequest(experiments, { header }));
  const run = <T>(fn: () => T): T => context.with(active, () => opened.run(fn));
  return { within: run(() => context.active()), run, close: opened.close };
}

afterEach(() => {
  vi.useRealTimers();
  context.disable();
  propagation.disable();
});

describe.each(managersByName)("whose request the running code belongs to, with %s", (_name, manager) => {
  const start = (): Experiments => {
    // why: each has this constructor
    context.setGlobalContextManager(new (manager as unknown as new () => Manager & { enable(): Manager })().enable());
    return createOpen({ trustInbound: true, strict: false });
  };

  const pairs = (["SERVER span", "no span"] as const).flatMap((one) =>
    (["SERVER span", "no span"] as const).map((other) => ({ one, other })),
  );

  describe.each(pairs)("a request with $one, and another with $other", ({ one, other }) => {
    const serveBoth = (experiments: Experiments) =>
      [serve(experiments, "control", one), serve(experiments, "express", other)] as const;

    test("BND-10 the other's, if OpenTelemetry's context is the other's", () => {
      const experiments = start();
      const [here, there] = serveBoth(experiments);
      here.run(() => {
        expect(context.with(there.within, () => experiments.variant("checkout"))).toBe("express");
        const bound = there.run(() => context.bind(context.active(), () => experiments.variant("checkout")));
        expect(bound()).toBe("express");
        expect(experiments.variant("checkout")).toBe("control");
      });
    });

    test("BND-11 the other's, too, for its late work; nobody's when the other is over", () => {
      vi.useFakeTimers({ toFake: ["performance"] });
      const experiments = start();
      const [here, there] = serveBoth(experiments);
      const ask = (): unknown => here.run(() => context.with(there.within, () => experiments.variant("checkout")));
      there.close();
      vi.advanceTimersByTime(30_000);
      expect(ask()).toBe("express");
      vi.advanceTimersByTime(1);
      expect(ask()).toBeUndefined();
      expect(here.run(() => experiments.variant("checkout"))).toBe("control");
    });

    test("BND-12 the job's within a job, and the request's in its own context", () => {
      const experiments = start();
      const [here, there] = serveBoth(experiments);
      here.run(() =>
        experiments.run({}, () => {
          expect(experiments.variant("checkout")).toBeUndefined();
          experiments.record("checkout", "express");
          const job = context.active();
          expect(context.with(here.within, () => experiments.variant("checkout"))).toBe("control");
          expect(there.run(() => context.with(job, () => experiments.variant("checkout")))).toBe("express");
        }),
      );
    });

    test("BND-13 that of the events of a request, whoever emits them", () => {
      const experiments = start();
      const [, there] = serveBoth(experiments);
      const response = new EventEmitter();
      const header = "experiment.checkout.variant=control";
      const { close } = openRequest(experiments, { header, response });
      const seen: unknown[] = [];
      response.on("close", () => seen.push(experiments.variant("checkout")));
      there.run(close);
      expect(seen).toEqual(["control"]);
    });

    test("BND-14 that of the code that called a client, in the callbacks of a shared socket", () => {
      const experiments = start();
      const [here, there] = serveBoth(experiments);
      const run = here.run(rememberScope);
      const outside = rememberScope();
      there.run(() => {
        expect(run(() => experiments.variant("checkout"))).toBe("control");
        expect(outside(() => experiments.variant("checkout"))).toBeUndefined();
        expect(outside(() => here.run(() => experiments.variant("checkout")))).toBe("control");
      });
    });

    test("BND-15 that of a message whose carrier the context was extracted from", () => {
      const experiments = start();
      const [here] = serveBoth(experiments);
      const carrier = { baggage: "experiment.checkout.variant=express" };
      const message = new ExperimentPropagator().extract(ROOT_CONTEXT, carrier, {
        get: (from: Record<string, string>, name) => from[name],
        keys: Object.keys,
      });
      here.run(() => {
        expect(context.with(message, () => experiments.variant("checkout"))).toBe("express");
        // The message is run too: its own scope is the one that was opened last.
        experiments.run(carrier, () => {
          experiments.record("search", "semantic");
          expect(context.with(message, () => experiments.variant("search"))).toBe("semantic");
        });
      });
    });

    test("BND-16 that of each instance in its own chain", () => {
      const experiments = start();
      const second = createOpen({ trustInbound: true, strict: false });
      const [here, there] = serveBoth(experiments);
      const job = there.run(() =>
        second.run({}, () => {
          second.record("checkout", "express");
          return context.active();
        }),
      );
      here.run(() =>
        context.with(job, () => {
          expect(second.variant("checkout")).toBe("express");
          // The job's chain has no scope of the first instance.
          expect(experiments.variant("checkout")).toBeUndefined();
          experiments.run({}, () => expect(second.variant("checkout")).toBe("express"));
        }),
      );
    });

    test("BND-17 its own, if OpenTelemetry's context is lost", () => {
      const experiments = start();
      const [here] = serveBoth(experiments);
      expect(here.run(() => context.with(ROOT_CONTEXT, () => experiments.variant("checkout")))).toBe("control");
    });

    test("BND-18 that of the span's request, if the context shows the span alone", () => {
      const experiments = start();
      const [here, there] = serveBoth(experiments);
      const span = there.run(() => watched.startSpan("query"));
      const alone = trace.setSpan(ROOT_CONTEXT, span);
      expect(here.run(() => context.with(alone, () => experiments.variant("checkout")))).toBe("express");
    });
  });

  test("BND-21 is the same for every copy of the package", async () => {
    const experiments = start();
    const [here, there] = [serve(experiments, "control", "no span"), serve(experiments, "express", "no span")];
    vi.resetModules();
    const copy = await import("otel-experiments/sdk");
    expect(copy.ExperimentSpanProcessor).not.toBe(ExperimentSpanProcessor);
    const ofCopy = new TracerProvider({ spanProcessors: [new copy.ExperimentSpanProcessor()] }).getTracer("shop");
    const span = here.run(() => ofCopy.startSpan("query", {}, there.within));
    span.end();
    expect(Reflect.get(span, "attributes")).toMatchObject({ "experiment.variant": "express" });
  });

  test("BND-19 nobody's in the trace of something else, if the request's own trace is known", () => {
    const experiments = start();
    const request = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("request of a service without the package"));
    const within = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("its work", {}, request));
    const ask = (showing: Showing): unknown =>
      serve(experiments, "control", showing).run(() => context.with(within, () => experiments.variant("checkout")));
    expect([ask("SERVER span"), ask("no span")]).toEqual([undefined, "control"]);
  });

  test("BND-22 the request's own in a root span, which only shows that the context was lost before it started", () => {
    const experiments = start();
    const alone = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("GET", { kind: SpanKind.CLIENT }));
    const ask = (showing: Showing): unknown =>
      serve(experiments, "control", showing).run(() => context.with(alone, () => experiments.variant("checkout")));
    expect([ask("SERVER span"), ask("no span")]).toEqual(["control", "control"]);
  });
});
