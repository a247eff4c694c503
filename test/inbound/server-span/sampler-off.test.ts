import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { expressHarness } from "../harness/express.ts";
import { fastifyHarness } from "../harness/fastify.ts";
import { fastifyOtel } from "../harness/fastify-otel.ts";
import { requireExpress, requireFastify, requireKoa } from "../harness/frameworks.ts";
import { koaHarness } from "../harness/koa.ts";
import { nodeHarness } from "../harness/node.ts";
import { describeWithoutServerSpan } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing(
  [new HttpInstrumentation(), new ExpressInstrumentation(), new KoaInstrumentation()],
  new AlwaysOffSampler(),
);

const harnesses = [
  expressHarness("Express, sampler off", requireExpress()),
  koaHarness("Koa, sampler off", requireKoa()),
  fastifyHarness("Fastify, @fastify/otel, sampler off", requireFastify(), { before: fastifyOtel }),
  { ...nodeHarness, name: "node:http, sampler off" },
];

describeWithoutServerSpan(
  harnesses.map((harness) => ({ harness, active: "not recording", rpcMetadata: "not recording" })),
  tracing,
);
