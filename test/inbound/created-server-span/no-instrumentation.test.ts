import { creatingHarnesses } from "../harness/creating.ts";
import { describeServerSpans } from "../harness/server-span-cases.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([]);

describeServerSpans(
  tracing,
  creatingHarnesses().map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
