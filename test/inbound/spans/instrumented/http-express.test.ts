import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { requireExpress } from "../../../support/frameworks/required.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([new HttpInstrumentation(), new ExpressInstrumentation()]);

describeServerSpans(tracing, [
  {
    harness: expressHarness("Express, instrumentation-http and -express", requireExpress()),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);
