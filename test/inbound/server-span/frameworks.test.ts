import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { expressHarness } from "../harness/express.ts";
import { fastifyHarness } from "../harness/fastify.ts";
import { requireExpress, requireFastify, requireKoa } from "../harness/frameworks.ts";
import { koaHarness } from "../harness/koa.ts";
import { nodeHarness } from "../harness/node.ts";
import { describeWithoutServerSpan } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([new ExpressInstrumentation(), new KoaInstrumentation()]);

const harnesses = [
  expressHarness("Express, instrumentation-express alone", requireExpress()),
  koaHarness("Koa, instrumentation-koa alone", requireKoa()),
  fastifyHarness("Fastify, no instrumentation", requireFastify()),
  { ...nodeHarness, name: "node:http, no instrumentation" },
];

describeWithoutServerSpan(
  harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })),
  tracing,
);
