import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { requireKoa } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([new HttpInstrumentation(), new KoaInstrumentation()]);

describeServerSpans(tracing, [
  {
    harness: koaHarness("Koa, instrumentation-http and -koa", requireKoa()),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);
