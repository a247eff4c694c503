import * as api from "@opentelemetry/api";
import { logs as apiLogs } from "@opentelemetry/api-logs";

// A named import of `logs` from @opentelemetry/api fails to link with SDK 2, whose logs API is a separate package.

/** The logs API of the SDK that the tests use. */
export const logs: Pick<typeof api.logs, "disable" | "getLogger" | "getLoggerProvider" | "setGlobalLoggerProvider"> =
  Reflect.get(api, "logs") ?? apiLogs;
