import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { nodeHarness } from "../../../support/frameworks/node.ts";
import { requireExpress, requireFastify, requireKoa } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

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
