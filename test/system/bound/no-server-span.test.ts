import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { afterAll } from "vitest";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";

// No request has a span: the context shows the scope alone.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

afterAll(() => context.disable());

describeBoundCallbacks(newestHarnesses());
