import { FastifyOtelInstrumentation } from "@fastify/otel";
import type { FastifyInstance } from "fastify";

let instrumentation: FastifyOtelInstrumentation | undefined;

/**
 * Registers OpenTelemetry's plugin for Fastify, which takes part by the place where it is registered. It is made late:
 * it holds another copy of OpenTelemetry's API, whose proxies do not learn of providers that are set after them.
 */
export async function fastifyOtel(app: FastifyInstance): Promise<void> {
  instrumentation ??= new FastifyOtelInstrumentation();
  await app.register(instrumentation.plugin());
}
