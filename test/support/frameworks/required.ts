import { createRequire } from "node:module";
import type express from "express";
import type { fastify } from "fastify";
import type Koa from "koa";

const require = createRequire(import.meta.url);

/**
 * The frameworks as `require` returns them. Instrumentations patch only modules that are required later, and imports
 * are evaluated earlier. So tests with instrumentations take their frameworks from here.
 */
export function requireExpress(name: "express" | "express-4" = "express"): typeof express {
  // why: require() returns these packages' exports
  return require(name) as typeof express;
}

export function requireKoa(name: "koa" | "koa-2" = "koa"): typeof Koa {
  // why: require() returns these packages' exports
  return require(name) as typeof Koa;
}

export function requireFastify(): typeof fastify {
  // why: require() returns the package's exports
  return require("fastify") as typeof fastify;
}

/** For servers without a framework. */
export function requireHttp(): void {
  require("node:http");
}
