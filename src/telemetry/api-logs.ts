/** The global in which `@opentelemetry/api-logs`, the logs API beside SDK 2.x, keeps a function that returns the provider. */
export const API_LOGS: unique symbol = Symbol.for("io.opentelemetry.js.api.logs");

/** Of all versions of `@opentelemetry/api-logs`: with another number, the function returns a substitute. */
const API_LOGS_COMPATIBILITY = 1;

/** The logger provider of the value of that global; undefined if the value is not its function. May throw what the function throws. */
export function loggerProviderOf(global: unknown): unknown {
  return typeof global === "function" ? Reflect.apply(global, undefined, [API_LOGS_COMPATIBILITY]) : undefined;
}
