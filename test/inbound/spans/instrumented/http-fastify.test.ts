import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeInjectedSpans } from "../inject-span-cases.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([new HttpInstrumentation()]);
const fastify = requireFastify();

describeServerSpans(tracing, [
  {
    harness: fastifyHarness("Fastify, instrumentation-http, @fastify/otel before us", fastify, { before: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
  {
    harness: fastifyHarness("Fastify, instrumentation-http, @fastify/otel behind us", fastify, { after: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);

describeInjectedSpans(tracing, fastify, [
  { name: "instrumentation-http alone", neighbours: {}, innerSpans: false },
  { name: "instrumentation-http, @fastify/otel before us", neighbours: { before: fastifyOtel }, innerSpans: false },
  { name: "instrumentation-http, @fastify/otel behind us", neighbours: { after: fastifyOtel }, innerSpans: false },
]);
