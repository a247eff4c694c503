import { processWide } from "../process-wide.ts";
import { isRegistered } from "./api-global.ts";
import { variableIn } from "./own-option.ts";

/**
 * Where notices go: nowhere; to OpenTelemetry's `diag`; or, without a `diag` logger, to the terminal, by Node's process
 * warnings.
 */
type Audience = "nobody" | "diag" | "terminal";

/** The mode of the process, and whether it has served a request or a message: one for all copies of the package. */
const development = processWide("development.v1", (): { audience: Audience; serves: boolean } => ({
  audience: "nobody",
  serves: false,
}));

/** The codes that the process has shown, whichever copy of the package showed them. */
const shown = processWide("shown.v1", () => new Set<string>());

/**
 * Reads the environment, as Express does: without `NODE_ENV` a process is in development. Read when experiments are made,
 * since a program may set `NODE_ENV` after it has loaded this file. A test's output is not ours, so tests have only `diag`.
 */
export function readEnvironment(): void {
  const mode = variableIn(process.env, "NODE_ENV") ?? "";
  const level = (variableIn(process.env, "OTEL_LOG_LEVEL") ?? "").trim().toUpperCase();
  const isDeveloping =
    (mode === "" || mode === "development") && variableIn(process.env, "NODE_TEST_CONTEXT") === undefined;
  const known = development();
  if (level === "NONE" || level === "ERROR") known.audience = "nobody";
  else if (isDeveloping) known.audience = "terminal";
  else known.audience = ["INFO", "DEBUG", "VERBOSE", "ALL"].includes(level) ? "diag" : "nobody";
}

/** Whether mistakes are looked for. False in production, where nothing of it costs a request. */
export function isAttentive(): boolean {
  return development().audience !== "nobody";
}

/** Notes that the process serves: a script that serves nobody stays quiet. */
export function noteServing(): void {
  development().serves = true;
}

/** Whether a request or a message has been served. */
export function isServing(): boolean {
  return development().serves;
}

/**
 * Shows a message on the terminal, once for each code in a process, if it is in development and has no `diag` logger.
 * Node writes process warnings to standard error, and `--no-warnings` silences them. Never throws.
 */
export function showOnce(type: "OtelExperimentsWarning" | "OtelExperimentsInfo", code: string, message: string): void {
  if (development().audience !== "terminal" || shown().has(code) || isRegistered("diag")) return;
  shown().add(code);
  process.emitWarning(message, { type, code });
}
