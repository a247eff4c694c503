/**
 * The global under which OpenTelemetry's parts are registered: one object for all copies of `@opentelemetry/api` 1.x in
 * a process, ESM and CommonJS, of any version.
 */
export const API: unique symbol = Symbol.for("opentelemetry.js.api.1");

/** Whether a part of OpenTelemetry's API is registered, such as a logger or a context manager. */
export function isRegistered(part: "diag" | "context"): boolean {
  // Plain reading: this is asked for every request, and `Reflect.get` is slow.
  const holder = globalThis as { readonly [API]?: { readonly [name: string]: unknown } }; // why: the API keeps its parts there
  return holder[API]?.[part] !== undefined;
}
