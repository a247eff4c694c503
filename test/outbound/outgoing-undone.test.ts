import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createExperiments } from "otel-experiments";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { expect, test } from "vitest";

setFlagsFromString("--expose-gc");
// why: the function that the flag adds
const collectGarbage = runInNewContext("gc") as () => void;

test("OG-35 what was undone leaves nothing behind, however often", async () => {
  const experiments = createExperiments({ trustInbound: true, propagateTo: ["https://api.shop.internal"] });
  const heapAfter = (times: number): number => {
    for (let i = 0; i < times; i++) instrumentOutgoing(experiments)[Symbol.dispose]();
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = heapAfter(20_000);
  const bytes = (heapAfter(200_000) - before) / 200_000;
  await experiments.close();
  expect(bytes).toBeLessThan(5);
});
