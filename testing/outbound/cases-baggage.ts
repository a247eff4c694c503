import assert from "node:assert/strict";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, onStage, own, SEARCH } from "./stage.ts";

/** The one `baggage` line that is sent. */
export const baggageCases: readonly OutboundCase[] = [
  {
    id: "OUT-01",
    title: "sends the request's variant to a named destination, in one line",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`));
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
  {
    id: "OUT-02",
    title: "sends nothing to an unnamed destination",
    run: (harness) =>
      onStage(harness, async ({ denied, client, serve }) => {
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`));
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
  {
    id: "OUT-05",
    title: "keeps the caller's baggage byte for byte, before the own members",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = "user = 1 ;p=2;q ,  other=a%20b;x , broken, user=2";
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        assert.deepEqual(arrived(allowed), [`${baggage},${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-06",
    title: "replaces own members that the caller wrote by those of the scope",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = `user=1,${own("control")},experiment.search.variant=bm25,%65xperiment.a.id=1`;
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-07",
    title: "removes own members that the caller wrote, percent-encoded ones too, and keeps the others",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const baggage = "user=1 ,experiment%2Echeckout.variant=x, experiment.checkout.id=1 ,last=2";
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`, { headers: { baggage } }));
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        await client.request(`${allowed.origin}/x`, { headers: { baggage: own("control") } });
        assert.deepEqual(arrived(denied), ["user=1 ,last=2"]);
        assert.deepEqual(arrived(allowed), ["user=1 ,last=2", ""]);
      }),
  },
  {
    id: "OUT-23",
    title: "sends all experiments of a request, the primary one first, and a forced one as forced",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = `${SEARCH},experiment.search.forced=1,${CHECKOUT}`;
        await serve(baggage, () => client.request(`${allowed.origin}/x`));
        assert.deepEqual(arrived(allowed), [`${CHECKOUT},${SEARCH},experiment.search.forced=1`]);
      }),
  },
  {
    id: "OUT-28",
    title: "omits whole experiments if the caller's baggage leaves no room, and never cuts one",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const room = CHECKOUT.length + 1;
        const fits = `user=${"u".repeat(8192 - "user=".length - room)}`;
        await serve(`${SEARCH},${CHECKOUT}`, async () => {
          await client.request(`${allowed.origin}/fits`, { headers: { baggage: fits } });
          await client.request(`${allowed.origin}/not`, { headers: { baggage: `${fits}u` } });
        });
        const [first = "", second = ""] = arrived(allowed);
        assert.equal(first.length, 8192);
        assert.ok(first === `${fits},${CHECKOUT}`, "the primary experiment fits");
        assert.ok(second === `${fits}u,${SEARCH}`, "the shorter experiment fits in the remaining room");
      }),
  },
];
