import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { inboundHarnesses } from "../../../support/frameworks/all.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([new HttpInstrumentation()]);

const harnesses = inboundHarnesses().map((each) => ({ ...each, name: `${each.name}, instrumentation-http alone` }));

describeServerSpans(
  tracing,
  harnesses.map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
