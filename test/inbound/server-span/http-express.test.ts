import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { expressHarness } from "../harness/express.ts";
import { requireExpress } from "../harness/frameworks.ts";
import { describeServerSpans } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([new HttpInstrumentation(), new ExpressInstrumentation()]);

describeServerSpans(tracing, [
  {
    harness: expressHarness("Express, instrumentation-http and -express", requireExpress()),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);
