import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { requireHttp } from "../support/frameworks/required.ts";
import { describeServerDuration } from "./server-duration-cases.ts";

// Without a TracerProvider: the instrumentation measures, and its spans are nobody's.
const instrumentation = new HttpInstrumentation();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
instrumentation.enable();
requireHttp();

describeServerDuration(instrumentation);
