import { type Attributes, type Context, type SpanContext, SpanKind } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import {
  awaitClientSpan,
  checkOptions,
  claimExtracted,
  endExtracted,
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

/** Options of the processor. */
export interface ExperimentSpanProcessorOptions extends AttributeOptions {
  /**
   * The kinds of span to write to. Default: all. The request's server span always gets its attributes from the
   * middleware, and never from this processor.
   */
  readonly kinds?: readonly SpanKind[];
}

/** The part of the SDK's span that the processor uses, in 2.x and 3.x. */
export interface SdkSpan {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  spanContext(): SpanContext;
  readonly instrumentationScope?: { readonly name: string };
}

/**
 * Instrumentations that start CLIENT spans on undici's channels. With undici 6 and 7, and after undici's redirect and
 * retry interceptors in all versions, the async context there is that of a pooled socket and may be another request's.
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
 * A SpanProcessor for SDK 2.x and 3.x that adds the variant to every recorded span of a request, whichever library
 * starts it. Spans are written when they end: so a span has all assignments that were made while it was open, nothing
 * of the user's is overwritten, and no attribute of the user's is dropped because of a span limit. Nothing here throws
 * after set-up.
 *
 * @example new NodeSDK({ spanProcessors: [new ExperimentSpanProcessor(), new BatchSpanProcessor({ exporter })] })
 */
export class ExperimentSpanProcessor {
  readonly #choice: AttributeChoice;
  readonly #kinds: ReadonlySet<SpanKind> | undefined;
  /** True once the SDK has called `onEnding`. */
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
      warnOnce("span", "a span could not be read at its start", error);
    }
  }

  /** SDK 2.x and 3.x call it while the span still takes attributes. */
  onEnding(span: SdkSpan & Pick<AttributeTarget, "setAttribute">): void {
    this.#tellsOfEnding = true;
    this.#write(span, span);
  }

  onEnd(span: SdkSpan): void {
    // A processor between the SDK and this one may not pass `onEnding` on. The ended span then takes no attributes by
    // its methods.
    if (!this.#tellsOfEnding) this.#write(span, overEnded(span));
    try {
      endExtracted(span);
      if (isOfPooledClient(span)) forgetClientSpan(span.spanContext().spanId);
    } catch (error) {
      warnOnce("span", "a span could not be read at its end", error);
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
