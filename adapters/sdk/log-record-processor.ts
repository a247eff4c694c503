import { type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { checkOptions, latestScope, warnOnce } from "../../src/sdk-adapter.ts";
import {
  ATTRIBUTE_OPTION_NAMES,
  AttributeChoice,
  type AttributeOptions,
  type AttributeTarget,
} from "./attribute-choice.ts";

/** What the processor takes. */
export type ExperimentLogRecordProcessorOptions = AttributeOptions;

/**
 * A LogRecordProcessor for SDK 2.x and 3.x that puts the variant on the log records of a request. It has to stand in
 * front of the processor that exports. Nothing of the user's is overwritten, and nothing here throws after set-up.
 *
 * @example new LoggerProvider({ processors: [new ExperimentLogRecordProcessor(), new BatchLogRecordProcessor({ exporter })] })
 */
export class ExperimentLogRecordProcessor {
  readonly #choice: AttributeChoice;

  /** @throws ExperimentConfigError */
  constructor(options: ExperimentLogRecordProcessorOptions = {}) {
    this.#choice = new AttributeChoice(
      "log",
      checkOptions("ExperimentLogRecordProcessor", options, ATTRIBUTE_OPTION_NAMES),
    );
  }

  onEmit(record: AttributeTarget, active: Context = context.active()): void {
    try {
      if (isTracingSuppressed(active)) return;
      const scope = latestScope(active);
      if (scope !== undefined) this.#choice.write(record, scope);
    } catch (error) {
      warnOnce("log", "a log record refused the attributes", error);
    }
  }

  /** A record that nobody else wants is not made for us. */
  enabled(): boolean {
    return false;
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
