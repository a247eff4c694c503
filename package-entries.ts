/** The public subpaths and their sources: the one list that the build, the tests and `exports` follow. */
export const entries = {
  ".": "./src/index.ts",
  "./adapter": "./src/adapter.ts",
  "./baggage": "./src/baggage/index.ts",
  "./express": "./adapters/inbound/express.ts",
  "./koa": "./adapters/inbound/koa.ts",
  "./fastify": "./adapters/inbound/fastify.ts",
  "./node": "./adapters/inbound/node.ts",
  "./hono": "./adapters/inbound/hono.ts",
  "./fetch": "./adapters/outbound/fetch.ts",
  "./undici": "./adapters/outbound/undici.ts",
  "./sdk": "./adapters/sdk/index.ts",
  "./register": "./adapters/sdk/register.ts",
  "./outgoing": "./adapters/outbound/outgoing.ts",
  "./override": "./src/override/index.ts",
  "./cookie-store": "./src/cookie-store/index.ts",
  "./openfeature": "./adapters/openfeature.ts",
  "./flow": "./src/flow/index.ts",
  "./fields": "./src/fields/index.ts",
  "./testing": "./testing/index.ts",
} as const;

/** The commands and their sources: the list that the build, the tests and `bin` follow. */
export const commands = {
  "otel-experiments": "./cli/main.ts",
} as const;
