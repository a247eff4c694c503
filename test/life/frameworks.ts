import type { InboundHarness } from "otel-experiments/testing";
import { expressHarness } from "../inbound/harness/express.ts";
import { fastifyHarness } from "../inbound/harness/fastify.ts";
import { requireExpress, requireFastify, requireKoa } from "../inbound/harness/frameworks.ts";
import { honoHarness } from "../inbound/harness/hono.ts";
import { koaHarness } from "../inbound/harness/koa.ts";
import { nodeHarness } from "../inbound/harness/node.ts";

/** Each framework once; to be called behind the instrumentations. */
export function requireHarnesses(): readonly InboundHarness[] {
  return [
    expressHarness("Express", requireExpress()),
    koaHarness("Koa", requireKoa()),
    fastifyHarness("Fastify", requireFastify()),
    honoHarness("Hono"),
    nodeHarness,
  ];
}
