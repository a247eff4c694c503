import { createRequire } from "node:module";
import type express from "express";
import type { fastify } from "fastify";
import type Koa from "koa";

const require = createRequire(import.meta.url);

/**
 * The frameworks as `require` gives them. Instrumentations patch what is required after they were made; imports are
 * evaluated before, so the tests with instrumentations take their frameworks from here.
 */
export function requireExpress(name: "express" | "express-4" = "express"): typeof express {
  // why: what these packages export to require()
  return require(name) as typeof express;
}

export function requireKoa(name: "koa" | "koa-2" = "koa"): typeof Koa {
  // why: what these packages export to require()
  return require(name) as typeof Koa;
}

export function requireFastify(): typeof fastify {
  // why: what the package exports to require()
  return require("fastify") as typeof fastify;
}

/** For servers that no framework makes. */
export function requireHttp(): void {
  require("node:http");
}
