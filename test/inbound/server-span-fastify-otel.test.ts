import { fastifyHarness } from "./harness/fastify.ts";
import { fastifyOtel } from "./harness/fastify-otel.ts";
import { requireFastify } from "./harness/frameworks.ts";
import { describeServerSpans } from "./harness/server-span-cases.ts";
import { startTracing } from "./harness/tracing.ts";

const tracing = startTracing([]);
const fastify = requireFastify();

describeServerSpans(tracing, [
  {
    harness: fastifyHarness("Fastify, @fastify/otel alone, before us", fastify, { before: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "none",
  },
  {
    harness: fastifyHarness("Fastify, @fastify/otel alone, behind us", fastify, { after: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "none",
  },
]);
