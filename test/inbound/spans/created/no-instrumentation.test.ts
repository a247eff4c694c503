import { creatingHarnesses } from "../../../support/frameworks/creating.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([]);

describeServerSpans(
  tracing,
  creatingHarnesses().map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
