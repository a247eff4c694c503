import type { InboundHarness } from "otel-experiments/testing";
import { expressHarness } from "./express.ts";
import { fastifyHarness } from "./fastify.ts";
import { honoHarness } from "./hono.ts";
import { koaHarness } from "./koa.ts";
import { nodeHarnessWith } from "./node.ts";
import { requireExpress, requireFastify, requireKoa } from "./required.ts";

const create = { serverSpan: "create" } as const;

/** Every framework with an adapter that makes the server span. To be called once the instrumentations are in place. */
export function creatingHarnesses(): readonly InboundHarness[] {
  return [
    nodeHarnessWith("node:http, created", create),
    expressHarness("Express 5, created", requireExpress(), undefined, create),
    expressHarness("Express 4, created", requireExpress("express-4"), undefined, create),
    koaHarness("Koa 3, created", requireKoa(), create),
    koaHarness("Koa 2, created", requireKoa("koa-2"), create),
    fastifyHarness("Fastify 5, created", requireFastify(), {}, create),
    honoHarness("Hono 4, created", create),
  ];
}
