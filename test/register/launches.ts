import type { Launch } from "./shop-process.ts";

/** Ours and OpenTelemetry's, as the documentation writes them. */
export const OURS: readonly string[] = ["--import", "otel-experiments/register"];
export const OPENTELEMETRY: readonly string[] = ["--import", "@opentelemetry/auto-instrumentations-node/register"];

/** As OpenTelemetry's documentation has it for ES modules. Node warns of the flag. */
const LOADER_HOOKS = ["--no-warnings", "--experimental-loader=@opentelemetry/instrumentation/hook.mjs"];

const required = (preload: readonly string[]): readonly string[] =>
  preload.map((argument) => argument.replace("--import", "--require"));

/** Every way in which the two can be loaded. `--require` always comes before `--import`. */
export const LAUNCHES: readonly (Launch & { readonly title: string })[] = [
  { title: "ours, OpenTelemetry's; CommonJS", preload: [...OURS, ...OPENTELEMETRY], app: "app.cjs" },
  { title: "OpenTelemetry's, ours; CommonJS", preload: [...OPENTELEMETRY, ...OURS], app: "app.cjs" },
  { title: "ours, OpenTelemetry's; ESM", preload: [...LOADER_HOOKS, ...OURS, ...OPENTELEMETRY], app: "app.mjs" },
  { title: "OpenTelemetry's, ours; ESM", preload: [...LOADER_HOOKS, ...OPENTELEMETRY, ...OURS], app: "app.mjs" },
  { title: "both by --require", preload: required([...OURS, ...OPENTELEMETRY]), app: "app.cjs" },
  { title: "OpenTelemetry's by --require", preload: [...OURS, ...required(OPENTELEMETRY)], app: "app.cjs" },
  { title: "ours by --require", preload: [...required(OURS), ...OPENTELEMETRY], app: "app.cjs" },
  { title: "ours twice", preload: [...OURS, ...required(OURS), ...OPENTELEMETRY, ...OURS], app: "app.cjs" },
];
