// OpenTelemetry as a service of your own would set it up. It is loaded first, with `node --import ./telemetry.ts
// gateway.ts`, so that the instrumentations exist before the frameworks load node:http. The service name and the
// endpoint come from OpenTelemetry's variables: OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT.
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
      // Each export holds only new data, so a receiver can add the exports up.
      exporter: new OTLPMetricExporter({ temporalityPreference: AggregationTemporalityPreference.DELTA }),
    }),
  ],
  logRecordProcessors: [],
  instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()],
});
sdk.start();

// The instrumentation does not see an ES module's import of node:http. It sees a require, and then patches the module
// for both.
createRequire(import.meta.url)("node:http");

/** Exports the remaining telemetry, and shuts down. */
export async function shutdownTelemetry(): Promise<void> {
  await sdk.shutdown();
}
