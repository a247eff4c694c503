import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../../support/frameworks/fastify-otel.ts";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { nodeHarness } from "../../../support/frameworks/node.ts";
import { requireExpress, requireFastify, requireKoa } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

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
