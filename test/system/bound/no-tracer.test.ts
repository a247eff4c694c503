import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { afterAll } from "vitest";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { requireHttp } from "../../support/frameworks/required.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";

// An SDK for measurements alone: the instrumentation shows requests by spans that nobody records.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const unregister = registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });
requireHttp();

afterAll(() => {
  unregister();
  context.disable();
});

describeBoundCallbacks(newestHarnesses());
