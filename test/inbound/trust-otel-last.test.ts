import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { createExperiments } from "otel-experiments";
import { afterAll } from "vitest";
import { expressHarness } from "./harness/express.ts";
import { fastifyHarness } from "./harness/fastify.ts";
import { fastifyOtel } from "./harness/fastify-otel.ts";
import { requireExpress, requireFastify, requireKoa } from "./harness/frameworks.ts";
import { koaHarness } from "./harness/koa.ts";
import { nodeHarness } from "./harness/node.ts";
import { describeInjected, describeStrangers } from "./harness/stranger-cases.ts";
import { startTracing } from "./harness/tracing.ts";

// Our stop subscribes to the clients' channels before OpenTelemetry does, and stays subscribed.
const first = createExperiments({ trustInbound: true });
afterAll(() => first.close());

const tracing = startTracing([
  new HttpInstrumentation(),
  new ExpressInstrumentation(),
  new KoaInstrumentation(),
  new UndiciInstrumentation(),
]);

const fastify = requireFastify();

const harnesses = [
  expressHarness("Express", requireExpress()),
  koaHarness("Koa", requireKoa()),
  fastifyHarness("Fastify", fastify),
  { ...nodeHarness, name: "node:http" },
];

const pluginBefore = fastifyHarness("Fastify, @fastify/otel before us", fastify, { before: fastifyOtel });
const pluginBehind = fastifyHarness("Fastify, @fastify/otel behind us", fastify, { after: fastifyOtel });

describeStrangers(tracing, [...harnesses, pluginBefore, pluginBehind]);
describeInjected([...harnesses, pluginBehind], pluginBefore);
