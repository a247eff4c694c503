import { setTimeout as delay } from "node:timers/promises";
import type { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { createExperiments, type Experiments } from "otel-experiments";
import type { InboundHarness } from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { WireConnection } from "../../testing/wire/client.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { fastifyHarness } from "../support/frameworks/fastify.ts";
import { koaHarness } from "../support/frameworks/koa.ts";
import { nodeHarness } from "../support/frameworks/node.ts";
import { requireExpress, requireFastify, requireKoa } from "../support/frameworks/required.ts";
import type { PointReader } from "../support/points.ts";
import { MEANS, type Measured, measured, pairOf } from "./measuring.ts";

const REQUESTS = 600;
const CONNECTIONS = 30;
const DURATION = "http.server.request.duration";

/** Each variant is asked for with a method of its own, so that one that is on another's measurement is seen. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const VARIANTS = METHODS.map((method) => `for_${method.toLowerCase()}`);

const REGISTRY = { checkout: { id: "checkout_1", variants: VARIANTS } };

/** How a request comes by its variant, and how it ends. */
const FATES = ["by its header", "by its handler", "by its header, and aborted", "none"] as const;

function harnesses(): readonly InboundHarness[] {
  return [
    expressHarness("Express", requireExpress()),
    koaHarness("Koa", requireKoa()),
    fastifyHarness("Fastify", requireFastify()),
    nodeHarness,
  ];
}

interface Plan {
  readonly method: string;
  readonly variant: string;
  readonly fate: (typeof FATES)[number];
}

function planOf(i: number): Plan {
  const kind = i % METHODS.length;
  return {
    method: METHODS[kind] ?? "GET",
    variant: VARIANTS[kind] ?? "",
    fate: FATES[Math.floor(i / METHODS.length) % FATES.length] ?? "none",
  };
}

/** What is expected of the measurements: how often each method has each pair. */
function expectedCounts(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < REQUESTS; i++) {
    const { method, variant, fate } = planOf(i);
    const series = `${method} ${fate === "none" ? "- none" : `checkout_1 ${variant}`}`;
    counts[series] = (counts[series] ?? 0) + 1;
  }
  return counts;
}

async function countsBy(reader: Pick<PointReader, "points">): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { attributes, count } of await reader.points(DURATION)) {
    const series = `${String(attributes["http.request.method"])} ${pairOf(attributes)}`;
    counts[series] = (counts[series] ?? 0) + count;
  }
  return counts;
}

async function serveAll(harness: InboundHarness, experiments: Experiments<typeof REGISTRY>): Promise<void> {
  const arrivals = Array.from({ length: REQUESTS }, () => Promise.withResolvers<void>());
  const ends = Array.from({ length: REQUESTS }, () => Promise.withResolvers<void>());
  const server = await harness.serve({
    mount: [experiments],
    async handler({ request, response, reply }) {
      const i = Number(request.url?.slice(1));
      const { variant, fate } = planOf(i);
      // The instrumentation listens before us, so that it has measured by then.
      response.on("close", () => ends[i]?.resolve());
      arrivals[i]?.resolve();
      if (fate === "by its header, and aborted") await ends[i]?.promise;
      else await delay(i % 5);
      if (fate === "by its handler") experiments.record("checkout", variant);
      reply(200, "ok");
    },
  });
  let next = 0;
  const converse = async (): Promise<void> => {
    let connection = await WireConnection.open(server.port);
    while (next < REQUESTS) {
      const i = next++;
      const { method, variant, fate } = planOf(i);
      const lines = fate.startsWith("by its header") ? [`baggage: experiment.checkout.variant=${variant}`] : [];
      if (fate === "by its header, and aborted") {
        connection.write([`${method} /${i} HTTP/1.1`, "host: 127.0.0.1", ...lines, "", ""].join("\r\n"));
        await arrivals[i]?.promise;
        connection.close();
        connection = await WireConnection.open(server.port);
      } else await connection.send({ method, path: `/${i}`, lines });
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, converse));
  await Promise.all(ends.map(({ promise }) => promise));
  await server.close();
}

/** Each means on each server: every measurement has its own request's pair. */
export function describeServerDuration(instrumentation: HttpInstrumentation): void {
  const rows = harnesses().flatMap((harness) => MEANS.map((means) => ({ harness, means })));

  describe.each(rows)("http.server.request.duration on $harness.name by $means.name", ({ harness, means }) => {
    test("SDU-01 600 interleaved requests of six variants have their own: from the header, from the handler, aborted, and none", async () => {
      const measuring: Measured = measured(means);
      instrumentation.setMeterProvider(measuring.provider);
      const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
      await serveAll(harness, experiments);
      await experiments.close();
      expect(await countsBy(measuring)).toEqual(expectedCounts());
      expect(await countsBy(measuring.delta)).toEqual(expectedCounts());
    });
  });
}
