import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { fastifyHarness } from "../harness/fastify.ts";
import { fastifyOtel } from "../harness/fastify-otel.ts";
import { requireFastify } from "../harness/frameworks.ts";
import { describeInjectedSpans } from "../harness/inject-span-cases.ts";
import { describeServerSpans } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

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
