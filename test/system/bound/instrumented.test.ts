import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { afterAll } from "vitest";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { startTracing } from "../../support/tracing.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";

const tracing = startTracing([new HttpInstrumentation(), new ExpressInstrumentation(), new KoaInstrumentation()]);

afterAll(() => tracing.stop());

describeBoundCallbacks(newestHarnesses());
