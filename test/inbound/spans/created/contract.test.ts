import { checkInboundCase, inboundContract } from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { creatingHarnesses } from "../../../support/frameworks/creating.ts";
import { startTracing } from "../../../support/tracing.ts";

startTracing([]);

describe.each(creatingHarnesses())("the inbound contract on $name", (harness) => {
  test.each(inboundContract)("$id $title", async (inboundCase) => {
    await expect(checkInboundCase(inboundCase, harness)).resolves.toBeUndefined();
  });
});
