import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { requireKoa } from "../harness/frameworks.ts";
import { koaHarness } from "../harness/koa.ts";
import { describeServerSpans } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([new HttpInstrumentation(), new KoaInstrumentation()]);

describeServerSpans(tracing, [
  {
    harness: koaHarness("Koa, instrumentation-http and -koa", requireKoa()),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);
