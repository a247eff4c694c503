/** What serves the requests. */
type FrameworkName = "node:http" | "Express" | "Koa" | "Fastify";

/** How the service loads its modules: `require`, `import`, or `import` behind OpenTelemetry's loader hook. */
export type ModuleForm = "CommonJS" | "ES modules" | "ES modules, loader hook";

/** Which of OpenTelemetry's parts a service starts before it loads anything else. */
export interface SetUp {
  readonly name: string;
  readonly framework: FrameworkName;
  /** `none`: nothing is registered. `api`: a context manager alone. `sdk`: providers with what is ours. `auto`: by `--import`. */
  readonly base: "none" | "api" | "sdk" | "auto";
  /** By the names of their packages, without `@opentelemetry/instrumentation-`. */
  readonly instrumentations: readonly string[];
  /** Whether the adapter makes the server span. */
  readonly createsServerSpan: boolean;
  /** Whether @fastify/otel is registered. */
  readonly fastifyOtel: boolean;
}

const PLAIN = { framework: "node:http", base: "sdk", createsServerSpan: false, fastifyOtel: false } as const;

/** One row for each way of building and set-up. */
export const setUps: readonly SetUp[] = [
  { ...PLAIN, name: "no OpenTelemetry SDK", base: "none", instrumentations: [] },
  { ...PLAIN, name: "the API with a context manager alone", base: "api", instrumentations: [] },
  { ...PLAIN, name: "an SDK without instrumentation", instrumentations: [] },
  { ...PLAIN, name: 'the same, with `serverSpan: "create"`', instrumentations: [], createsServerSpan: true },
  { ...PLAIN, name: "instrumentation-http", instrumentations: ["http"] },
  { ...PLAIN, name: "instrumentation-http and -express", framework: "Express", instrumentations: ["http", "express"] },
  { ...PLAIN, name: "instrumentation-http and -koa", framework: "Koa", instrumentations: ["http", "koa"] },
  {
    ...PLAIN,
    name: "instrumentation-http and @fastify/otel",
    framework: "Fastify",
    instrumentations: ["http"],
    fastifyOtel: true,
  },
  { ...PLAIN, name: "@fastify/otel alone", framework: "Fastify", instrumentations: [], fastifyOtel: true },
  {
    ...PLAIN,
    name: "auto-instrumentations and `otel-experiments/register`, both by `--import`",
    framework: "Express",
    base: "auto",
    instrumentations: [],
  },
];

export const moduleForms: readonly ModuleForm[] = ["CommonJS", "ES modules", "ES modules, loader hook"];

/** How the child is told. */
export interface Commission {
  readonly setUp: SetUp;
  readonly modules: ModuleForm;
  /** The server that takes what is exported, and the service's outgoing calls. */
  readonly sink: string;
  /** Where PostgreSQL listens: the folder of its socket. */
  readonly database: string;
}

/** The variable in which the commission stands, as JSON. */
export const COMMISSION = "SIGNALS_COMMISSION";
