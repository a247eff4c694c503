import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { startTracing } from "../support/tracing.ts";
import { describeServerDuration } from "./server-duration-cases.ts";

const instrumentation = new HttpInstrumentation();
startTracing([instrumentation], undefined, [new ExperimentSpanProcessor()]);

describeServerDuration(instrumentation);
