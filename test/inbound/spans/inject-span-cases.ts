import { type FastifyInstance, type fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { describe, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { REDESIGN } from "../../support/experiments.ts";
import type { FastifyNeighbours } from "../../support/frameworks/fastify.ts";
import { experimentAttributes, isServerSpan, type Tracing } from "../../support/tracing.ts";

/** A set-up of Fastify with a SERVER span, and whether an injected request has a SERVER span of its own in it. */
export interface InjectRow {
  readonly name: string;
  readonly neighbours: FastifyNeighbours;
  readonly innerSpans: boolean;
}

/** What a request that a handler injects leaves on the spans. */
export function describeInjectedSpans(tracing: Tracing, framework: typeof fastify, rows: readonly InjectRow[]): void {
  describe.each(rows)("requests that a handler injects, $name", ({ neighbours, innerSpans }) => {
    async function appWith(handle: (app: FastifyInstance, path: string) => Promise<unknown>) {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false });
      const app = framework({ forceCloseConnections: true });
      await neighbours.before?.(app);
      await app.register(fastifyExperiments, { experiments });
      await neighbours.after?.(app);
      app.get("/inner", async () => experiments.record("search", "semantic") ?? "none");
      app.get("/outer", async (request) => handle(app, request.url));
      const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
      return { app, port, experiments };
    }

    /** The variants that stand on each SERVER span, by its path. */
    const variantsByPath = (): Record<string, string> => {
      const spans = tracing.spans().filter(isServerSpan);
      return Object.fromEntries(
        spans.map(({ attributes }) => {
          const own = experimentAttributes(attributes);
          const keys = ["experiment.checkout.variant", "experiment.search.variant", "experiment.variant"];
          return [String(attributes["url.path"]), keys.map((key) => String(own[key])).join(" ")];
        }),
      );
    };

    const inner = innerSpans ? { "/inner": "control semantic control" } : {};

    test("SP-30 leave the span of the outer request alone, which keeps its own", async () => {
      const { app, port, experiments } = await appWith(async (self) => {
        const headers = { baggage: "experiment.checkout.variant=control" };
        const [{ body }] = await Promise.all([self.inject({ url: "/inner", headers }), new Promise(setImmediate)]);
        return body;
      });
      const { body } = await send(port, {
        path: "/outer",
        lines: ["baggage: experiment.checkout.variant=express"],
      });
      expect(body).toBe("semantic");
      await tracing.serverSpans(innerSpans ? 2 : 1);
      await app.close();
      await experiments.close();
      expect(variantsByPath()).toEqual({ "/outer": "express undefined express", ...inner });
      const others = tracing.spans().filter((span) => !isServerSpan(span));
      expect(others.filter(({ attributes }) => Object.keys(experimentAttributes(attributes)).length > 0)).toEqual([]);
    });

    test("SP-31 leave the span of an outer request without a variant without one", async () => {
      const { app, port, experiments } = await appWith(async (self) => {
        const headers = { baggage: "experiment.checkout.variant=control" };
        return (await self.inject({ url: "/inner", headers })).body;
      });
      await send(port, { path: "/outer" });
      await tracing.serverSpans(innerSpans ? 2 : 1);
      await app.close();
      await experiments.close();
      expect(variantsByPath()).toEqual({ "/outer": "undefined undefined undefined", ...inner });
    });

    test("SP-32 are tagged each with its own where the app is not listening at all", async () => {
      const { app, experiments } = await appWith(async () => "ok");
      const headers = { baggage: "experiment.checkout.variant=control" };
      await app.inject({ url: "/inner", headers });
      await app.inject({ url: "/inner" });
      const hasPlugin = Object.keys(neighbours).length > 0;
      await tracing.serverSpans(hasPlugin ? 2 : 0);
      await app.close();
      await experiments.close();
      const variants = tracing.spans().flatMap(({ attributes }) => attributes["experiment.variant"] ?? []);
      expect(variants).toEqual(hasPlugin ? ["control", "semantic"] : []);
    });
  });
}
