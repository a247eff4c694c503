import { type MeterProvider, SpanKind } from "@opentelemetry/api";
import type { AttributeOptions } from "../attribute-choice.ts";
import { SERVER_DURATION } from "../instruments.ts";
import { ExperimentLogRecordProcessor } from "../log-record-processor.ts";
import { ExperimentPropagator } from "../propagator.ts";
import { ExperimentSpanProcessor } from "../span-processor.ts";
import { withExperiments } from "../with-experiments.ts";
import { announce } from "./announcement.ts";
import { type Decorate, decorateApiGlobals } from "./api-globals.ts";
import { decorateLogging } from "./decorated-loggers.ts";
import { carriesBaggage, DecoratedPropagator, isPropagator } from "./decorated-propagator.ts";
import { decorateTracing } from "./decorated-tracers.ts";
import { attributeMadeInstruments } from "./made-instruments.ts";
import type { AttributesSetting, Settings, SpanKindName } from "./settings.ts";

const KINDS: Readonly<Record<SpanKindName, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Decorates the parts that are registered with OpenTelemetry's API in this process, now and later. */
export function decorateOpenTelemetry(settings: Settings): void {
  decorateApiGlobals({
    trace: tracing(settings),
    metrics: metering(settings),
    logs: logging(settings),
    propagation: propagating(settings),
  });
}

function tracing({ spanAttributes, spanKinds, keys }: Settings): Decorate | undefined {
  if (spanAttributes === "none") return undefined;
  const processor = new ExperimentSpanProcessor({
    ...attributeOptions(spanAttributes, keys),
    ...(spanKinds === undefined ? {} : { kinds: spanKinds.map((name) => KINDS[name]) }),
  });
  return (provider, wasThere) => {
    const reached = decorateTracing(provider, processor);
    if (wasThere && !reached) announceUnreached("tracers");
    return provider;
  };
}

function logging({ logAttributes, keys }: Settings): Decorate | undefined {
  if (logAttributes === "none") return undefined;
  const processor = new ExperimentLogRecordProcessor(attributeOptions(logAttributes, keys));
  return (provider, wasThere) => {
    const reached = decorateLogging(provider, processor);
    if (wasThere && !reached) announceUnreached("loggers");
    return provider;
  };
}

function metering({ instruments }: Settings): Decorate | undefined {
  if (instruments === undefined) return undefined;
  const names: ReadonlySet<string> = new Set([SERVER_DURATION, ...instruments]);
  return (provider, wasThere) => {
    if (wasThere && !attributeMadeInstruments(provider, names)) announceUnreached("instruments");
    // why: the API takes only a MeterProvider for metrics
    return withExperiments(provider as MeterProvider, instruments.length === 0 ? {} : { instruments });
  };
}

function propagating({ propagator, propagateToCarriers }: Settings): Decorate | undefined {
  if (!propagator) return undefined;
  const baggage = new ExperimentPropagator({ inject: propagateToCarriers });
  return (registered) => {
    if (registered instanceof DecoratedPropagator || !isPropagator(registered)) return registered;
    if (carriesBaggage(registered)) return new DecoratedPropagator(registered, baggage);
    if (propagateToCarriers) announce("OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS needs baggage among OTEL_PROPAGATORS.");
    return registered;
  };
}

function attributeOptions(attributes: Exclude<AttributesSetting, "none">, keys: Settings["keys"]): AttributeOptions {
  return { attributes, ...(keys === undefined ? {} : { experiments: keys }) };
}

function announceUnreached(what: string): void {
  announce(
    `OpenTelemetry was set up first, and the ${what} that it had already given out get no experiments; put ` +
      "--import otel-experiments/register before OpenTelemetry's own.",
  );
}
