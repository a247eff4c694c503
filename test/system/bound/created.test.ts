import { afterAll } from "vitest";
import { creatingHarnesses } from "../../support/frameworks/creating.ts";
import { startTracing } from "../../support/tracing.ts";
import { describeBoundCallbacks } from "./bound-cases.ts";

const tracing = startTracing([]);

afterAll(() => tracing.stop());

describeBoundCallbacks(creatingHarnesses());
