import { checkOutboundCase, outboundContract } from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { outboundHarnesses } from "../../support/clients/all.ts";
import { startClientTelemetry } from "./client-telemetry.ts";

startClientTelemetry();

describe.each(outboundHarnesses({ spans: true }))("the outbound contract on $name, with spans", (harness) => {
  test.each(outboundContract)("$id $title", async (outboundCase) => {
    await expect(checkOutboundCase(outboundCase, harness)).resolves.toBeUndefined();
  });
});
