import { createServer } from "node:http";
import { context, defaultTextMapSetter, propagation } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { createExperiments } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { requireHttp } from "../../../support/frameworks/required.ts";
import { listen } from "../../../support/listening.ts";
import { own } from "../../../support/service-stage.ts";
import { startTracing } from "../../../support/tracing.ts";

startTracing([new HttpInstrumentation()]);
requireHttp();
const propagator = new W3CBaggagePropagator();

/** What code in this place would send to a queue. */
function injected(): string {
  const carrier: Record<string, string> = {};
  propagator.inject(context.active(), carrier, defaultTextMapSetter);
  return carrier["baggage"] ?? "";
}

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

test.each([false, true])(
  "CLN-06 listeners that instrumentation-http binds see no own member of a caller, trusted: %s",
  async (trustInbound) => {
    const experiments = createExperiments({
      experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
      trustInbound,
    });
    const seen = new Map<string, string>();
    const closed = Promise.withResolvers<void>();
    const server = await listen(
      createServer(
        nodeExperiments(experiments, (request, response) => {
          const look = (where: string): void => void seen.set(where, injected());
          look("handler");
          setImmediate(() => look("later"));
          request.on("data", () => look("data"));
          request.on("end", () => {
            look("end");
            const baggage = propagation.getActiveBaggage();
            seen.set(
              "entries",
              baggage
                ?.getAllEntries()
                .map(([key]) => key)
                .join(",") ?? "",
            );
            response.end("done");
          });
          response.on("finish", () => look("finish"));
          response.on("close", () => {
            look("close");
            closed.resolve();
          });
        }),
      ),
    );
    closing.push(
      () => server.close(),
      () => experiments.close(),
    );
    await send(server.port, {
      method: "POST",
      lines: [`baggage: ${own("express")},session=1`],
      body: "hi",
    });
    await closed.promise;
    const places = ["handler", "data", "end", "entries", "later", "finish", "close"];
    expect([...seen.keys()].toSorted()).toEqual(places.toSorted());
    expect([...seen].filter(([, text]) => text !== "session=1" && text !== "session")).toEqual([]);
  },
);
