/** A public subpath of the package. */
export interface Entry {
  /** The path from the project's root. If an adapter has parts, they are in a folder of the same name beside it. */
  readonly source: `./${string}.ts`;
  /**
   * The contract that the adapter keeps. The file with the adapter's name in `test/support/frameworks` (inbound) or
   * `test/support/clients` (outbound) exports its `harnesses`.
   */
  readonly contract?: "inbound" | "outbound";
  /** The package that the adapter is for, with the range of supported versions. It is an optional peer dependency. */
  readonly peer?: { readonly [name: string]: string };
  /**
   * The packages that the adapter may import, besides OpenTelemetry's API and core. From its peer it may import only
   * types.
   */
  readonly imports?: readonly string[];
}

/**
 * The one list of public subpaths. The build and the tests read it. After a change, `npm run entries` updates
 * `package.json` and `tsconfig.json`.
 */
export const entries: { readonly [subpath: string]: Entry } = {
  ".": { source: "./src/index.ts" },
  "./adapter": { source: "./src/adapter.ts" },
  "./baggage": { source: "./src/baggage/index.ts" },
  "./express": {
    source: "./adapters/inbound/express.ts",
    contract: "inbound",
    peer: { express: "^4.18.0 || ^5.0.0" },
  },
  "./koa": {
    source: "./adapters/inbound/koa.ts",
    contract: "inbound",
    peer: { koa: "^2.13.0 || ^3.0.0" },
  },
  "./fastify": {
    source: "./adapters/inbound/fastify.ts",
    contract: "inbound",
    peer: { fastify: "^5.0.0" },
    imports: ["fastify", "fastify-plugin"],
  },
  "./node": { source: "./adapters/inbound/node.ts", contract: "inbound" },
  "./hono": {
    source: "./adapters/inbound/hono.ts",
    contract: "inbound",
    peer: { hono: "^4.0.0" },
    imports: ["hono"],
  },
  "./fetch": { source: "./adapters/outbound/fetch.ts", contract: "outbound" },
  "./undici": {
    source: "./adapters/outbound/undici.ts",
    contract: "outbound",
    peer: { undici: "^6.19.0 || ^7.0.0 || ^8.0.0" },
  },
  "./sdk": { source: "./adapters/sdk/index.ts" },
  "./register": { source: "./adapters/sdk/register.ts" },
  "./outgoing": { source: "./adapters/outbound/outgoing.ts" },
  "./override": { source: "./src/override/index.ts" },
  "./cookie-store": { source: "./src/cookie-store/index.ts" },
  "./openfeature": { source: "./adapters/openfeature.ts" },
  "./flow": { source: "./src/flow/index.ts" },
  "./fields": { source: "./src/fields/index.ts" },
  "./testing": { source: "./testing/index.ts" },
};

/** The commands, with their sources. */
export const commands: { readonly [name: string]: Entry["source"] } = {
  "otel-experiments": "./cli/main.ts",
};

/** The optional peers of all adapters, each with its range. */
export const peers: { readonly [name: string]: string } = Object.fromEntries(
  Object.values(entries).flatMap(({ peer = {} }) => Object.entries(peer)),
);

/** The names of the adapters that keep a contract, such as `express` for the subpath `./express`. */
export function adaptersOf(contract: NonNullable<Entry["contract"]>): readonly string[] {
  return Object.keys(entries)
    .filter((subpath) => entries[subpath]?.contract === contract)
    .map((subpath) => subpath.slice("./".length));
}
