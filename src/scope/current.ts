import { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "./request-scope.ts";

/**
 * The async context of the package: the latest scope of the code that runs, of whichever instance. OpenTelemetry's
 * context does not do: it is lost without an SDK, and behind @fastify/otel.
 */
export const scopeStorage: () => AsyncLocalStorage<RequestScope | undefined> = processWide(
  "scopes.v1",
  () => new AsyncLocalStorage(),
);
