import { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "./request-scope.ts";

/**
 * The package's async context: the latest scope of the running code, of any instance. OpenTelemetry's context is not
 * enough: it is lost without an SDK, and behind @fastify/otel.
 */
export const scopeStorage: () => AsyncLocalStorage<RequestScope | undefined> = processWide(
  "scopes.v1",
  () => new AsyncLocalStorage(),
);
