import assert from "node:assert/strict";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, onStage, TICKET } from "./stage.ts";

/** Values from untrusted callers that must not be sent. */
export const strangerCases: readonly OutboundCase[] = [
  {
    id: "OUT-26",
    title: "sends no own members of an untrusted caller, encoded or not, wherever they are forwarded",
    run: (harness) =>
      onStage(
        harness,
        async ({ allowed, denied, experiments, client, serve }) => {
          const baggage = `user=1,${CHECKOUT},experiment%2Echeckout%2Evariant=control`;
          await serve(baggage, async () => {
            assert.equal(experiments.variant("checkout"), undefined);
            await client.request(`${allowed.origin}/x`, { headers: { baggage } });
            await client.request(`${denied.origin}/x`, { headers: { baggage } });
          });
          assert.deepEqual(arrived(allowed), ["user=1"]);
          assert.deepEqual(arrived(denied), ["user=1"]);
        },
        { trustInbound: false },
      ),
  },
  {
    id: "OUT-27",
    title: "sends no ticket that a caller wrote",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const headers = { [TICKET]: "c0ffee00-0000-4000-8000-000000000000, anything" };
        await client.request(`${allowed.origin}/x`, { headers });
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers }));
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers }));
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`, { headers }));
        assert.deepEqual(arrived(allowed), ["", "", CHECKOUT]);
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
];
