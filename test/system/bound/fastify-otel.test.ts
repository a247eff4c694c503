import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll } from "vitest";
import { fastifyHarness } from "../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../support/frameworks/required.ts";
import { startTracing } from "../../support/tracing.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";

// The plugin runs handlers in a context of its own, which shows the request by the origin of its spans alone.
const tracing = startTracing([], undefined, [new ExperimentSpanProcessor()]);

afterAll(() => tracing.stop());

describeBoundCallbacks([
  fastifyHarness("Fastify 5 behind @fastify/otel", requireFastify(), { before: fastifyOtel }),
  fastifyHarness("Fastify 5 before @fastify/otel", requireFastify(), { after: fastifyOtel }),
]);
