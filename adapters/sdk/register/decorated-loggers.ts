import { type Attributes, type AttributeValue, type Context, context } from "@opentelemetry/api";
import { attempt } from "../../../src/sdk-adapter.ts";
import type { ExperimentLogRecordProcessor } from "../log-record-processor.ts";
import { isNew, replaceMethod } from "./replaced-method.ts";

/** The part of OpenTelemetry's logs API that we use, in both lines. */
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
 * Lets a processor see every log record before it is emitted through a provider. Provider and loggers are decorated in place: the API
 * gives the provider to its proxies by itself, beside the place where it is registered.
 *
 * @returns whether loggers that were given out before are among them
 */
export function decorateLogging(provider: object, processor: ExperimentLogRecordProcessor): boolean {
  if (!isLoggerProvider(provider)) throw new TypeError("what is registered for logs gives no loggers");
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

/** Those that the SDK's provider has given out; undefined where it keeps them elsewhere than in 2.x and 3.x. */
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

/** A log record of which only the attributes are known yet. The caller's object is not changed. */
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
