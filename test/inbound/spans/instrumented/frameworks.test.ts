import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { newestHarnesses } from "../../../support/frameworks/all.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

const tracing = startTracing([new ExpressInstrumentation(), new KoaInstrumentation()]);

const harnesses = newestHarnesses().map((each) => ({ ...each, name: `${each.name}, no instrumentation-http` }));

describeWithoutServerSpan(
  harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })),
  tracing,
);
