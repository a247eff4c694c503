import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { nodeHarness } from "../../../support/frameworks/node.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

const harnesses = [
  expressHarness("Express, no SDK", express),
  koaHarness("Koa, no SDK", Koa),
  fastifyHarness("Fastify, no SDK", fastify),
  { ...nodeHarness, name: "node:http, no SDK" },
];

describeWithoutServerSpan(harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })));
