import { InMemoryLogRecordExporter } from "@opentelemetry/sdk-logs";
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace";
import { PointReader } from "../../../support/points.ts";

/** What stands for a user's exporters. */
export const traceExporter: InMemorySpanExporter = new InMemorySpanExporter();
export const logExporter: InMemoryLogRecordExporter = new InMemoryLogRecordExporter();
export const metricReader: PointReader = new PointReader();
