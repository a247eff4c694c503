import { creatingHarnesses } from "../../../support/frameworks/creating.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeCreatedSpans } from "../created-span-cases.ts";

const tracing = startTracing([]);

describeCreatedSpans(tracing, creatingHarnesses());
