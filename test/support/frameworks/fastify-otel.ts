import { FastifyOtelInstrumentation } from "@fastify/otel";
import type { FastifyInstance } from "fastify";

let instrumentation: FastifyOtelInstrumentation | undefined;

/**
 * Registers OpenTelemetry's plugin for Fastify. Its place in the order of registration matters. It is created late: it
 * has another copy of OpenTelemetry's API, whose proxies do not see providers that are set later.
 */
export async function fastifyOtel(app: FastifyInstance): Promise<void> {
  instrumentation ??= new FastifyOtelInstrumentation();
  await app.register(instrumentation.plugin());
}
