// OpenTelemetry of this service, loaded before all else: `node --import ./telemetry.ts main.ts`. OpenTelemetry's own
// variables say the rest: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES (service.version, deployment.environment.name),
// OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL (grpc, http/protobuf or http/json).

// Puts the variant of a request on its spans, its log records and http.server.request.duration.
import "otel-experiments/register";
import { FastifyOtelInstrumentation } from "@fastify/otel";
import { ExpressInstrumentation, ExpressLayerType } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation, KoaLayerType } from "@opentelemetry/instrumentation-koa";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { PinoInstrumentation } from "@opentelemetry/instrumentation-pino";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { register } from "import-in-the-middle/register-hooks.mjs";
import { ignoreExperimentRequests } from "otel-experiments/undici";

// Without this hook, the instrumentations do not see what an ES module imports.
register();

const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url }) => url === "/healthz" }),
    // Wrapped clients make their own CLIENT spans, which have the right variant on pooled connections too.
    new UndiciInstrumentation({ ignoreRequestHook: ignoreExperimentRequests }),
    // A span for each middleware would say little, and would record a JSON parser's error, which quotes the body.
    new ExpressInstrumentation({ ignoreLayersType: [ExpressLayerType.MIDDLEWARE] }),
    new KoaInstrumentation({ ignoreLayersType: [KoaLayerType.MIDDLEWARE] }),
    new FastifyOtelInstrumentation({ registerOnInitialization: true, instrumentHooks: false }),
    // Queries of no request, such as a poller's, make no trace of their own.
    new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    new PinoInstrumentation(),
  ],
});
sdk.start();

/** Exports what is left, and shuts down. */
export function shutdownTelemetry(): Promise<void> {
  return sdk.shutdown();
}
