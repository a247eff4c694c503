import { describeCreatedSpans } from "../harness/created-span-cases.ts";
import { creatingHarnesses } from "../harness/creating.ts";
import { startTracing } from "../harness/tracing.ts";

const tracing = startTracing([]);

describeCreatedSpans(tracing, creatingHarnesses());
