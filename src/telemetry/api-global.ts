/**
 * The global under which OpenTelemetry's parts are registered: one object for all copies of `@opentelemetry/api` 1.x in
 * a process, ESM and CommonJS, of any version.
 */
export const API: unique symbol = Symbol.for("opentelemetry.js.api.1");
