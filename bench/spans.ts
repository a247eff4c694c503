import { EventEmitter } from "node:events";
import { propagation, ROOT_CONTEXT, SpanKind, type Tracer } from "@opentelemetry/api";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import { type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { ExperimentSpanProcessor } from "../adapters/sdk/span-processor.ts";
import { inbound } from "../src/adapter.ts";
import { EXPERIMENT_ID } from "./headers.ts";
import { compare, type Subject } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { experiments } from "./subjects.ts";

const OPERATIONS = 1000;
const ROUNDS = 61;
const SHARE = 1.1;

/**
 * A child span's start and end within a request that has a variant: the package's processor against a hand-written one.
 */
export function* spans(): Generator<Row> {
  const written = new Set<string>();
  const check: SpanProcessor = processor({ onEnd: ({ attributes }) => void written.add(JSON.stringify(attributes)) });
  const handWritten = processor({
    onStart(span, parent) {
      for (const [key, { value }] of propagation.getBaggage(parent)?.getAllEntries() ?? [])
        span.setAttribute(key, value);
    },
  });
  const tracerWith = (each: SpanProcessor): Tracer =>
    new TracerProvider({ spanProcessors: [each, check] }).getTracer("bench");
  const pair = { "experiment.id": { value: EXPERIMENT_ID }, "experiment.variant": { value: "express" } };
  const server = tracerWith(handWritten).startSpan("GET", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  const active = propagation.setBaggage(
    setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, span: server }),
    propagation.createBaggage(pair),
  );
  const { run } = inbound(experiments)({
    header: () => "experiment.checkout.variant=express",
    peer: "10.0.0.1",
    request: new EventEmitter(),
    response: new EventEmitter(),
  });
  const subject = (tracer: Tracer): Subject<void> => ({
    prepare: () => undefined,
    work: () =>
      run(() => {
        for (let i = 0; i < OPERATIONS; i++) tracer.startSpan("query", {}, active).end();
      }),
  });
  const { ours, peer, ratio } = compare(
    subject(tracerWith(new ExperimentSpanProcessor())),
    subject(tracerWith(handWritten)),
    OPERATIONS,
    ROUNDS,
  );
  yield {
    name: "a child span, with the span processor",
    figure: `${(1 / ratio).toFixed(2)} of the peer (${ns(ours)}, ${ns(peer)})`,
    bound: `at most ${SHARE}`,
    holds: 1 / ratio <= SHARE && written.size === 1,
  };
}

function processor(members: Partial<SpanProcessor>): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnd: () => undefined,
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
    ...members,
  };
}
