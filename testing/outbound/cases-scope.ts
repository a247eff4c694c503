import assert from "node:assert/strict";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, onStage, SEARCH } from "./stage.ts";

/** Which request's variant is sent, and until when. */
export const scopeCases: readonly OutboundCase[] = [
  {
    id: "OUT-03",
    title: "does not change a call outside of requests",
    run: (harness) =>
      onStage(harness, async ({ allowed, client }) => {
        const { status, body } = await client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } });
        assert.deepEqual([status, body], [200, "answer to /x"]);
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
  {
    id: "OUT-04",
    title: "does not change a call if its scope has no variant",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } }));
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
  {
    id: "OUT-24",
    title: "sends an assignment that is recorded during the request from then on",
    run: (harness) =>
      onStage(harness, async ({ allowed, experiments, client, serve }) => {
        await serve(undefined, async () => {
          await client.request(`${allowed.origin}/before`);
          experiments.record("checkout", "express");
          await client.request(`${allowed.origin}/after`);
          experiments.record("search", "semantic");
          await client.request(`${allowed.origin}/last`);
        });
        assert.deepEqual(arrived(allowed), ["", CHECKOUT, `${CHECKOUT},${SEARCH}`]);
      }),
  },
  {
    id: "OUT-25",
    title: "sends the variant after the response has ended, too",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const released = Promise.withResolvers<void>();
        const late = await serve(CHECKOUT, async () => ({
          done: released.promise.then(() => client.request(`${allowed.origin}/late`)),
        }));
        released.resolve();
        await late.done;
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
];
