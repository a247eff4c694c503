import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { startTracing } from "../support/tracing.ts";
import { describeServerDuration } from "./server-duration-cases.ts";

const instrumentation = new HttpInstrumentation();
startTracing([instrumentation], new AlwaysOffSampler(), [new ExperimentSpanProcessor()]);

describeServerDuration(instrumentation);
