// OpenTelemetry as a service of one's own would set it up. It is loaded before everything else, with
// `node --import ./telemetry.ts gateway.ts`, so that the instrumentations are there when the frameworks load node:http.
// Name and destination come from OpenTelemetry's own variables: OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT.
import { createRequire } from "node:module";
import { AggregationTemporalityPreference, OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { envDetector } from "@opentelemetry/resources";
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({
  resourceDetectors: [envDetector],
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [
    new PeriodicExportingMetricReader({
      // Each export holds what is new, so that whoever receives them can add them up.
      exporter: new OTLPMetricExporter({ temporalityPreference: AggregationTemporalityPreference.DELTA }),
    }),
  ],
  logRecordProcessors: [],
  instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()],
});
sdk.start();

// An ES module's import of node:http passes the instrumentation by; a require does not, and patches it for both.
createRequire(import.meta.url)("node:http");

/** Exports what is left, and ends. */
export async function shutdownTelemetry(): Promise<void> {
  await sdk.shutdown();
}
