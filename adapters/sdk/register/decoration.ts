import { SpanKind } from "@opentelemetry/api";
import type { AttributeOptions } from "../attribute-choice.ts";
import { ExperimentSpanProcessor } from "../span-processor.ts";
import { announce } from "./announcement.ts";
import { type Decorate, decorateApiGlobals } from "./api-globals.ts";
import { decorateTracing } from "./decorated-tracers.ts";
import type { Attribution, Settings, SpanKindName } from "./settings.ts";

const KINDS: Readonly<Record<SpanKindName, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Decorates what is registered with OpenTelemetry's API in this process, and what will be. */
export function decorateOpenTelemetry(settings: Settings): void {
  decorateApiGlobals({
    trace: tracing(settings),
    metrics: undefined,
    logs: undefined,
    propagation: undefined,
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
    if (wasThere && !reached) announceLate("tracers");
    return provider;
  };
}

function attributeOptions(attributes: Exclude<Attribution, "none">, keys: Settings["keys"]): AttributeOptions {
  return { attributes, ...(keys === undefined ? {} : { experiments: keys }) };
}

function announceLate(what: string): void {
  announce(
    `OpenTelemetry was set up first, and the ${what} that it has given out cannot be reached; put ` +
      "--import otel-experiments/register before OpenTelemetry's own.",
  );
}
