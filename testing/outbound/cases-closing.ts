import assert from "node:assert/strict";
import { startWireServer } from "../wire/server.ts";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, goAndClose, onStage } from "./stage.ts";

/** Experiments that are closed, also during requests. */
export const closingCases: readonly OutboundCase[] = [
  {
    id: "OUT-29",
    title: "sends nothing once the experiments are closed",
    run: (harness) =>
      onStage(harness, async ({ allowed, experiments, client, serve }) => {
        await serve(CHECKOUT, async () => {
          await experiments.close();
          await client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } });
        });
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
  {
    id: "OUT-30",
    title: "removes the variant from a hop after the experiments are closed, and shows no ticket there",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const url = goAndClose(307, allowed, `${denied.origin}/end`);
        await serve(CHECKOUT, () => client.request(url, { headers: { baggage: "user=1" } }));
        assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`]);
        assert.deepEqual(arrived(denied), ["user=1"]);
      }),
  },
  {
    id: "OUT-31",
    title: "ends the process-wide stop with the experiments and their last request, answered or failed",
    run: (harness) =>
      onStage(
        harness,
        async ({ allowed, denied, client, serve }) => {
          const gone = await startWireServer();
          await gone.close();
          const written = "closing.checkout.variant=express";
          const fetchPlainly = async (): Promise<void> => {
            await (await fetch(`${denied.origin}/x`, { headers: { baggage: written } })).text();
          };
          await serve(written, async () => {
            await client.request(`${allowed.origin}/x`);
            await assert.rejects(client.request(`${gone.origin}/x`));
            await fetchPlainly();
            await client.request(goAndClose(307, allowed, `${allowed.origin}/end`));
          });
          await fetchPlainly();
          // Before the end it is an own member, and after it a foreign one.
          assert.deepEqual(arrived(denied), ["", written]);
        },
        // A prefix that only this case uses, so that no other stop in the process applies to it.
        { prefix: "closing." },
      ),
  },
];
