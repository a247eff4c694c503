import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { fastifyHarness } from "../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../support/frameworks/required.ts";
import { startTracing } from "../../support/tracing.ts";
import { describeInjected, describeStrangers } from "./stranger-cases.ts";

/** Strangers on every framework beside OpenTelemetry's instrumentations of servers and of clients, from here on. */
export function describeStrangersBesideOtel(): void {
  const tracing = startTracing([
    new HttpInstrumentation(),
    new ExpressInstrumentation(),
    new KoaInstrumentation(),
    new UndiciInstrumentation(),
  ]);
  const fastify = requireFastify();
  const harnesses = newestHarnesses();
  const pluginBefore = fastifyHarness("Fastify, @fastify/otel before us", fastify, { before: fastifyOtel });
  const pluginBehind = fastifyHarness("Fastify, @fastify/otel behind us", fastify, { after: fastifyOtel });
  describeStrangers(tracing, [...harnesses, pluginBefore, pluginBehind]);
  describeInjected([...harnesses, pluginBehind], pluginBefore);
}
