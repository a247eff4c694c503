import { type Attributes, type AttributeValue, type Context, context } from "@opentelemetry/api";
import { attempt } from "../../../src/sdk-adapter.ts";
import type { ExperimentLogRecordProcessor } from "../log-record-processor.ts";
import { isNew, replaceMethod } from "./replaced-method.ts";

/** The part of OpenTelemetry's logs API that is used here, in SDK 2.x and 3.x. */
interface LoggerProvider {
  getLogger(name: string, version?: string, options?: object): Logger;
}

interface Logger {
  emit(record: LogRecord): void;
}

interface LogRecord {
  readonly attributes?: Attributes;
  readonly context?: Context;
}

/**
 * Calls a processor with every log record before a provider's logger emits it. Provider and loggers are decorated in
 * place, because the API also passes the provider to its proxies.
 *
 * @returns true if loggers that the provider gave out before are decorated too
 */
export function decorateLogging(provider: object, processor: ExperimentLogRecordProcessor): boolean {
  if (!isLoggerProvider(provider)) throw new TypeError("the registered logger provider has no getLogger");
  if (!isNew(provider)) return true;
  replaceMethod(
    provider,
    "getLogger",
    (getLogger) =>
      function (this: LoggerProvider, ...identity) {
        const logger = getLogger.apply(this, identity);
        attempt("register", "a logger could not be decorated", () => decorateLogger(logger, processor));
        return logger;
      },
  );
  const given = loggersOf(provider);
  for (const logger of given ?? []) decorateLogger(logger, processor);
  return given !== undefined;
}

function isLoggerProvider(provider: object): provider is LoggerProvider {
  return "getLogger" in provider;
}

/** The loggers that the SDK's provider has given out; undefined if they are not where SDK 2.x and 3.x keep them. */
function loggersOf(provider: LoggerProvider): readonly Logger[] | undefined {
  const state: unknown = Reflect.get(provider, "_sharedState");
  const loggers: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "loggers") : undefined;
  if (!(loggers instanceof Map)) return undefined;
  return [...loggers.values()].filter((logger): logger is Logger => typeof logger?.emit === "function");
}

function decorateLogger(logger: Logger, processor: ExperimentLogRecordProcessor): void {
  if (!isNew(logger)) return;
  replaceMethod(
    logger,
    "emit",
    (emit) =>
      function (this: Logger, record) {
        emit.call(
          this,
          attempt("log", "a log record could not be attributed", () => attributed(record, processor)) ?? record,
        );
      },
  );
}

function attributed(record: LogRecord, processor: ExperimentLogRecordProcessor): LogRecord {
  const draft = new DraftRecord(record.attributes ?? {});
  processor.onEmit(draft, record.context ?? context.active());
  return draft.isChanged ? { ...record, attributes: draft.attributes } : record;
}

/** A log record of which only the attributes are known so far. The caller's object is not changed. */
class DraftRecord {
  attributes: Attributes;
  isChanged = false;

  constructor(attributes: Attributes) {
    this.attributes = attributes;
  }

  setAttribute(name: string, value: AttributeValue): this {
    if (!this.isChanged) this.attributes = { ...this.attributes };
    this.isChanged = true;
    this.attributes[name] = value;
    return this;
  }
}
