import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { afterAll } from "vitest";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { startTracing } from "../../support/tracing.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";
import { calls, clients } from "./ways.ts";

const tracing = startTracing([new HttpInstrumentation()], new AlwaysOffSampler());

afterAll(() => tracing.stop());

// A span that is not recorded has no attributes.
const recorded = [...calls, ...clients].filter(({ name }) => name !== "a child span");

describeBoundCallbacks(newestHarnesses(), recorded);
