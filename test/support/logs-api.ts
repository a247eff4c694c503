import * as api from "@opentelemetry/api";
import { logs as apiLogs } from "@opentelemetry/api-logs";

// A named import of `logs` from @opentelemetry/api does not link in SDK 2's, which has it in a package of its own.

/** The logs API of the SDK on which the tests run. */
export const logs: Pick<typeof api.logs, "disable" | "getLogger" | "getLoggerProvider" | "setGlobalLoggerProvider"> =
  Reflect.get(api, "logs") ?? apiLogs;
