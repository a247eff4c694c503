import type { Attributes, Context, Span } from "@opentelemetry/api";
import * as api from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { API_LOGS, loggerProviderOf } from "./api-logs.ts";

/** The request that an event belongs to. */
export interface EventScope {
  readonly serverSpan: Span | undefined;
}

/**
 * Emits an event of a request, in the request's trace even if async context is lost. `attributes` is called only if a
 * logger is enabled for the event. Never throws.
 */
export function emitEvent(scope: EventScope, name: string, attributes: () => Attributes): void {
  attempt("event", `the event ${name} could not be emitted`, () => {
    const logger = currentLogger();
    if (logger === undefined) return;
    const record = { eventName: name, severityNumber: SEVERITY_INFO, context: contextOf(scope) };
    if (logger.enabled?.(record) !== false) logger.emit({ ...record, attributes: attributes() });
  });
}

/** `SeverityNumber.INFO`; api 1.9 does not export it. */
const SEVERITY_INFO = 9;

/** The active context; if it has no span of the request's trace, the server span is put in. */
function contextOf({ serverSpan }: EventScope): Context {
  const active = api.context.active();
  if (serverSpan === undefined) return active;
  const traceId = api.trace.getSpanContext(active)?.traceId;
  return traceId === serverSpan.spanContext().traceId ? active : api.trace.setSpan(active, serverSpan);
}

interface EventRecord {
  readonly eventName: string;
  readonly severityNumber: number;
  readonly context: Context;
  readonly attributes: Attributes;
}

/** The used part of a logger. Older versions of the API have no `enabled`. */
interface EventLogger {
  emit(record: EventRecord): void;
  enabled?(record: Omit<EventRecord, "attributes">): boolean;
}

interface EventLoggerProvider {
  getLogger(name: string, version: string): EventLogger;
}

let lastProvider: EventLoggerProvider | undefined;
let lastLogger: EventLogger | undefined;

/** The provider is looked up at each event, since the SDK may start late; the logger is made once for each provider. */
function currentLogger(): EventLogger | undefined {
  const provider = currentProvider();
  if (provider !== lastProvider) {
    lastProvider = provider;
    lastLogger = undefined;
    lastLogger = provider?.getLogger(SCOPE_NAME, VERSION);
  }
  return lastLogger;
}

/** The provider of the 2.x line's API, if one is set; else that of `@opentelemetry/api`, which 1.9 does not have. */
function currentProvider(): EventLoggerProvider | undefined {
  // why: the contract of api-logs' global, which tests against that package check
  const ofApiLogs = loggerProviderOf(Reflect.get(globalThis, API_LOGS)) as EventLoggerProvider | undefined;
  if (ofApiLogs !== undefined) return ofApiLogs;
  // 1.9 does not export `logs`, so a named import would fail at link time.
  const { logs }: { readonly logs?: { getLoggerProvider(): EventLoggerProvider } } = api;
  return logs?.getLoggerProvider();
}
