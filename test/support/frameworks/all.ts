import type { InboundHarness } from "otel-experiments/testing";
import { expressHarness } from "./express.ts";
import { fastifyHarness } from "./fastify.ts";
import { honoHarness } from "./hono.ts";
import { koaHarness } from "./koa.ts";
import { nodeHarness } from "./node.ts";
import { requireExpress, requireFastify, requireKoa } from "./required.ts";

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
