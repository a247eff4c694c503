import { type Attributes, type Context, type SpanContext, SpanKind } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import {
  awaitClientSpan,
  checkOptions,
  claimExtracted,
  forgetClientSpan,
  getOrigin,
  listOf,
  setOriginFromContext,
  warnOnce,
} from "../../src/sdk-adapter.ts";
import {
  ATTRIBUTE_OPTION_NAMES,
  AttributeChoice,
  type AttributeOptions,
  type AttributeTarget,
} from "./attribute-choice.ts";

/** What the processor takes. */
export interface ExperimentSpanProcessorOptions extends AttributeOptions {
  /**
   * The kinds of span that are written to. Default: all. The request's server span has its attributes from the
   * middleware in any case, and is never written to here.
   */
  readonly kinds?: readonly SpanKind[];
}

/** What we use of the SDK's span, in 2.x and 3.x. */
interface SdkSpan {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  spanContext(): SpanContext;
  readonly instrumentationScope?: { readonly name: string };
}

/**
 * Instrumentations that start CLIENT spans on undici's channels. With undici 6 and 7, and behind its redirect and retry
 * interceptors with all, the async context there is that of a pooled socket and may be another request's.
 */
const POOLED_CLIENTS: ReadonlySet<string> = new Set([
  "@opentelemetry/instrumentation-undici",
  "opentelemetry-instrumentation-fetch-node",
]);

const KINDS: ReadonlySet<unknown> = new Set([
  SpanKind.INTERNAL,
  SpanKind.SERVER,
  SpanKind.CLIENT,
  SpanKind.PRODUCER,
  SpanKind.CONSUMER,
]);

/**
 * A SpanProcessor for SDK 2.x and 3.x that puts the variant on the spans of a request: on all that it records, whoever
 * starts them. They are written when they end, so that they have what was assigned while they were open, nothing of the
 * user's is overwritten, and no attribute of the user's is left out for one of ours. Nothing here throws after set-up.
 *
 * @example new NodeSDK({ spanProcessors: [new ExperimentSpanProcessor(), new BatchSpanProcessor({ exporter })] })
 */
export class ExperimentSpanProcessor {
  readonly #choice: AttributeChoice;
  readonly #kinds: ReadonlySet<SpanKind> | undefined;
  /** Whether the SDK tells of spans that are about to end. */
  #tellsOfEnding = false;

  /** @throws ExperimentConfigError */
  constructor(options: ExperimentSpanProcessorOptions = {}) {
    const given = checkOptions("ExperimentSpanProcessor", options, [...ATTRIBUTE_OPTION_NAMES, "kinds"]);
    this.#choice = new AttributeChoice("span", given);
    const kinds = listOf("kinds", given.kinds, isSpanKind, "OpenTelemetry's SpanKind, such as SpanKind.CLIENT");
    this.#kinds = kinds === undefined ? undefined : new Set(kinds);
  }

  onStart(span: SdkSpan, parentContext: Context): void {
    try {
      if (isTracingSuppressed(parentContext) || claimExtracted(span, parentContext)) return;
      if (span.kind === SpanKind.SERVER) return;
      if (isOfPooledClient(span)) awaitClientSpan(span.spanContext().spanId, span);
      else setOriginFromContext(span, parentContext);
    } catch (error) {
      warnOnce("span", "a span could not be looked at when it started", error);
    }
  }

  /** Called by both lines while the span still takes attributes. */
  onEnding(span: SdkSpan & Pick<AttributeTarget, "setAttribute">): void {
    this.#tellsOfEnding = true;
    this.#write(span, span);
  }

  onEnd(span: SdkSpan): void {
    // What stands between us and the SDK may not pass `onEnding` on. The span then takes nothing more by its methods.
    if (!this.#tellsOfEnding) this.#write(span, overEnded(span));
    try {
      if (isOfPooledClient(span)) forgetClientSpan(span.spanContext().spanId);
    } catch (error) {
      warnOnce("span", "a span could not be looked at when it ended", error);
    }
  }

  #write(span: SdkSpan, target: AttributeTarget): void {
    try {
      if (this.#kinds?.has(span.kind) === false) return;
      const scope = getOrigin(span);
      if (scope !== undefined) this.#choice.write(target, scope);
    } catch (error) {
      warnOnce("span", "a span refused the attributes", error);
    }
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

function isSpanKind(value: unknown): value is SpanKind {
  return KINDS.has(value);
}

function isOfPooledClient({ kind, instrumentationScope }: SdkSpan): boolean {
  return (
    kind === SpanKind.CLIENT && instrumentationScope !== undefined && POOLED_CLIENTS.has(instrumentationScope.name)
  );
}

function overEnded({ attributes }: SdkSpan): AttributeTarget {
  return {
    attributes,
    setAttribute(name, value) {
      attributes[name] = value;
    },
  };
}
