import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { nodeHarness } from "../../../support/frameworks/node.ts";
import { requireExpress, requireFastify, requireKoa } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

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
