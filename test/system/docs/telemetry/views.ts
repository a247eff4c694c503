import { createAllowListAttributesProcessor, MeterProvider } from "@opentelemetry/sdk-metrics";
import { withExperiments } from "otel-experiments/sdk";
import { PointReader } from "../../../support/points.ts";

export const metricReader: PointReader = new PointReader();

const httpView = {
  instrumentName: "http.server.request.duration",
  attributesProcessors: [createAllowListAttributesProcessor(["http.route", "http.request.method"])],
};

export const viewed: MeterProvider = new MeterProvider({
  readers: [metricReader],
  views: [withExperiments(httpView)],
});
