import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { expressHarness } from "../harness/express.ts";
import { fastifyHarness } from "../harness/fastify.ts";
import { requireExpress, requireFastify, requireKoa } from "../harness/frameworks.ts";
import { koaHarness } from "../harness/koa.ts";
import { nodeHarness } from "../harness/node.ts";
import { describeServerSpans } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([new HttpInstrumentation()]);

const harnesses = [
  expressHarness("Express 5, instrumentation-http alone", requireExpress()),
  expressHarness("Express 4, instrumentation-http alone", requireExpress("express-4")),
  koaHarness("Koa 3, instrumentation-http alone", requireKoa()),
  koaHarness("Koa 2, instrumentation-http alone", requireKoa("koa-2")),
  fastifyHarness("Fastify 5, instrumentation-http alone", requireFastify()),
  { ...nodeHarness, name: "node:http, instrumentation-http alone" },
];

describeServerSpans(
  tracing,
  harnesses.map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
