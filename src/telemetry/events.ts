import type { Attributes, Context, Span } from "@opentelemetry/api";
import * as api from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";

/** The request that an event belongs to. */
export interface EventScope {
  readonly serverSpan: Span | undefined;
}

/**
 * Emits an event of a request, in the request's own trace also where async context is gone. `attributes` is called only
 * if somebody takes the event. Never throws.
 */
export function emitEvent(scope: EventScope, name: string, attributes: () => Attributes): void {
  attempt("event", `the event ${name} was refused`, () => {
    const logger = currentLogger();
    if (logger === undefined) return;
    const record = { eventName: name, severityNumber: SEVERITY_INFO, context: contextOf(scope) };
    if (logger.enabled?.(record) !== false) logger.emit({ ...record, attributes: attributes() });
  });
}

/** `SeverityNumber.INFO`, which api 1.9 does not have. */
const SEVERITY_INFO = 9;

/** The active context, with the request's server span where the active span is of another trace or there is none. */
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

/** What we use of a logger. Older versions of the API do not ask whether anybody listens. */
interface EventLogger {
  emit(record: EventRecord): void;
  enabled?(record: Omit<EventRecord, "attributes">): boolean;
}

interface EventLoggerProvider {
  getLogger(name: string, version: string): EventLogger;
}

/** Where `@opentelemetry/api-logs`, the logs API of the 2.x line, keeps a function that gives the provider. */
const API_LOGS = Symbol.for("io.opentelemetry.js.api.logs");

/** Of all versions of `@opentelemetry/api-logs`: what a caller says to be given the provider and not a substitute. */
const API_LOGS_COMPATIBILITY = 1;

let lastProvider: EventLoggerProvider | undefined;
let lastLogger: EventLogger | undefined;

/** Looked for at each event, since the SDK may be started late; made once for each provider. */
function currentLogger(): EventLogger | undefined {
  const provider = currentProvider();
  if (provider !== lastProvider) {
    lastProvider = provider;
    lastLogger = undefined;
    lastLogger = provider?.getLogger(SCOPE_NAME, VERSION);
  }
  return lastLogger;
}

/** The provider of the 2.x line's API, if somebody set one; else that of `@opentelemetry/api`, which 1.9 does not have. */
function currentProvider(): EventLoggerProvider | undefined {
  const apiLogs: unknown = Reflect.get(globalThis, API_LOGS);
  if (typeof apiLogs === "function") {
    // why: the contract of api-logs' global, held in place by the tests against that package
    return Reflect.apply(apiLogs, undefined, [API_LOGS_COMPATIBILITY]) as EventLoggerProvider;
  }
  // A named import of what 1.9 does not export would fail when it is linked.
  const { logs }: { readonly logs?: { getLoggerProvider(): EventLoggerProvider } } = api;
  return logs?.getLoggerProvider();
}
