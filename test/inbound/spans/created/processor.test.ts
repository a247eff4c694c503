import { SpanKind } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { experimentAttributes, isServerSpan, startTracing } from "../../../support/tracing.ts";

const experiments = createExperiments({ trustInbound: true });

/** A processor of the user's that asks for the variant when a SERVER span starts. */
class Asking implements SpanProcessor {
  readonly seen: unknown[] = [];

  onStart({ kind, attributes }: Span): void {
    if (kind === SpanKind.SERVER) this.seen.push([attributes["url.path"], experiments.variant("checkout")]);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

const asking = new Asking();
const tracing = startTracing([], undefined, [asking]);

test("CSX-01 span processors find a span's own request when it starts, also one that another request injects", async () => {
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyExperiments, { experiments, serverSpan: "create" });
  app.get("/inner", async () => experiments.variant("checkout") ?? "none");
  app.get("/outer", async () => (await app.inject("/inner")).body);
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const { body } = await send(port, { path: "/outer", lines: ["baggage: experiment.checkout.variant=express"] });
  expect(body).toBe("none");
  await tracing.serverSpans(2);
  await app.close();
  await experiments.close();
  expect(asking.seen).toEqual([
    ["/outer", "express"],
    ["/inner", undefined],
  ]);
  const attributes = tracing
    .spans()
    .filter(isServerSpan)
    .map((span) => [span.attributes["url.path"], experimentAttributes(span.attributes)]);
  expect(attributes).toEqual([
    ["/inner", {}],
    ["/outer", { "experiment.checkout.variant": "express", "experiment.variant": "express" }],
  ]);
});
