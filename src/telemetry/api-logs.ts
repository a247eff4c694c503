/** The global of `@opentelemetry/api-logs`, the logs API for SDK 2.x: a function that returns the provider. */
export const API_LOGS: unique symbol = Symbol.for("io.opentelemetry.js.api.logs");

/** The same in all versions of `@opentelemetry/api-logs`. For another number, the function returns a substitute. */
const API_LOGS_COMPATIBILITY = 1;

/** The logger provider, from the global's value; undefined if that is no function. Throws if the function throws. */
export function loggerProviderOf(global: unknown): unknown {
  return typeof global === "function" ? Reflect.apply(global, undefined, [API_LOGS_COMPATIBILITY]) : undefined;
}
