import { createExperiments } from "otel-experiments";
import { expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startMeasuring } from "./harness/measuring.ts";
import { nodeHarness } from "./harness/node.ts";

test("RJ-13 over_limit counts members, as the counter's unit says", async () => {
  const measuring = startMeasuring();
  const experiments = createExperiments({ trustInbound: true });
  const server = await nodeHarness.serve({ mount: [experiments], handler: ({ reply }) => reply(200, "ok") });
  const members = Array.from({ length: 66 }, (_, i) => `experiment.e${i}.variant=v,experiment.e${i}.id=i`);
  await send(server.port, { lines: [`baggage: ${members.join(",")}`] });
  await server.close();
  await experiments.close();
  expect(await measuring.sums("experiment.baggage.rejections", "reason")).toEqual({ over_limit: 4 });
  await measuring.stop();
});
