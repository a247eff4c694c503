import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { withExperiments } from "otel-experiments/sdk";
import { PointReader } from "../../../support/points.ts";

export const metricReader: PointReader = new PointReader();

export const wrapped: MeterProvider = withExperiments(new MeterProvider({ readers: [metricReader] }), {
  instruments: ["orders.placed"],
});
