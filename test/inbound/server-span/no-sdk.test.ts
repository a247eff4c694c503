import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { expressHarness } from "../harness/express.ts";
import { fastifyHarness } from "../harness/fastify.ts";
import { koaHarness } from "../harness/koa.ts";
import { nodeHarness } from "../harness/node.ts";
import { describeWithoutServerSpan } from "../harness/server-span-cases.ts";

const harnesses = [
  expressHarness("Express, no SDK", express),
  koaHarness("Koa, no SDK", Koa),
  fastifyHarness("Fastify, no SDK", fastify),
  { ...nodeHarness, name: "node:http, no SDK" },
];

describeWithoutServerSpan(harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })));
