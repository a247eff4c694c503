import {
  type Context,
  context,
  defaultTextMapGetter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  trace,
} from "@opentelemetry/api";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { inbound } from "../src/adapter.ts";
import { freshHeaders } from "./headers.ts";
import { compare } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { experiments, propagator } from "./subjects.ts";

const OPERATIONS = 1000;
const ROUNDS = 61;
const SHARE = 0.7;
const MEMBERS = 8;

interface Visit {
  readonly baggage: string;
  readonly span: Span;
  /** The active context, as an HTTP instrumentation sets it for the middleware. */
  readonly active: Context;
}

/** Open, server span, run, one measurement, end. Both sides run within a server span that OpenTelemetry has made. */
export function* inboundPath(): Generator<Row> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const tracer = trace.getTracer("bench");
  const prepare = (round: number): Visit[] =>
    freshHeaders(MEMBERS, OPERATIONS, round).map((baggage) => {
      const span = tracer.startSpan("GET", {}, ROOT_CONTEXT);
      return { baggage, span, active: setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, span }) };
    });

  const open = inbound(experiments);
  const ourHistogram = experiments.meter("bench").createHistogram("ours.duration", { unit: "s" });
  const theirHistogram = metrics.getMeter("bench").createHistogram("theirs.duration", { unit: "s" });
  let reached = 0;
  const { ours, peer, ratio } = compare(
    {
      prepare,
      work: (visits) => {
        for (const { baggage, active } of visits) {
          const request = { emit: () => false };
          const response = { emit: (_event: string | symbol) => false };
          context.with(active, () => {
            const { run } = open({
              header: (name) => (name === "baggage" ? baggage : undefined),
              peer: "10.0.0.1",
              request,
              response,
            });
            run(() => {
              ourHistogram.record(0.1, { "payment.method": "card" });
              if (experiments.variant("checkout") !== undefined) reached++;
            });
            response.emit("close");
          });
        }
      },
    },
    {
      prepare,
      work: (visits) => {
        for (const { baggage, span, active } of visits) {
          context.with(active, () => {
            const extracted = propagator.extract(context.active(), { baggage }, defaultTextMapGetter);
            const variant = propagation.getBaggage(extracted)?.getEntry("experiment.checkout.variant")?.value;
            const id = propagation.getBaggage(extracted)?.getEntry("experiment.checkout.id")?.value;
            if (variant === undefined || id === undefined) return;
            span.setAttribute("experiment.id", id);
            span.setAttribute("experiment.variant", variant);
            span.setAttribute("experiment.checkout.id", id);
            span.setAttribute("experiment.checkout.variant", variant);
            context.with(extracted, () => {
              const current = propagation.getBaggage(context.active())?.getEntry("experiment.checkout.variant")?.value;
              theirHistogram.record(0.1, {
                "payment.method": "card",
                "experiment.id": id,
                "experiment.variant": variant,
              });
              if (current !== undefined) reached++;
            });
          });
        }
      },
    },
    OPERATIONS,
    ROUNDS,
  );
  yield {
    name: `the inbound path with ${MEMBERS} members`,
    figure: `${(1 / ratio).toFixed(2)} of the peer (${ns(ours)}, ${ns(peer)})`,
    bound: `at most ${SHARE}`,
    holds: 1 / ratio <= SHARE && reached > 0,
  };
}
