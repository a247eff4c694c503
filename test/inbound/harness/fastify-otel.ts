import { FastifyOtelInstrumentation } from "@fastify/otel";
import type { FastifyInstance } from "fastify";

/** Registers OpenTelemetry's plugin for Fastify. It takes part by the place where it is registered. */
export async function fastifyOtel(app: FastifyInstance): Promise<void> {
  await app.register(new FastifyOtelInstrumentation().plugin());
}
