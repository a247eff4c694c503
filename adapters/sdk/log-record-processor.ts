import { type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { checkOptions, latestScope, warnOnce } from "../../src/sdk-adapter.ts";
import {
  ATTRIBUTE_OPTION_NAMES,
  AttributeChoice,
  type AttributeOptions,
  type AttributeTarget,
} from "./attribute-choice.ts";

/** Options of the processor. */
export type ExperimentLogRecordProcessorOptions = AttributeOptions;

/**
 * A LogRecordProcessor for SDK 2.x and 3.x that adds the variant to the log records of a request. Place it before the
 * processor that exports. Existing attributes are not overwritten, and nothing here throws after set-up.
 *
 * @example new LoggerProvider({ processors: [new ExperimentLogRecordProcessor(), new BatchLogRecordProcessor({ exporter
 * })] })
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

  /** False: this processor alone is no reason to make a record. */
  enabled(): boolean {
    return false;
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
