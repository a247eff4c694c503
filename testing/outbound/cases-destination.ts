import assert from "node:assert/strict";
import type { OutboundCase } from "./harness.ts";
import { arrived, CHECKOUT, go, onStage } from "./stage.ts";

/** The destinations that may get the variant, decided for each hop. */
export const destinationCases: readonly OutboundCase[] = [
  ...[301, 302, 303, 307, 308].map(
    (status, i): OutboundCase => ({
      id: `OUT-${11 + i}`,
      title: `removes the variant if a redirect (${status}) leads to an unnamed destination`,
      run: (harness) =>
        onStage(harness, async ({ allowed, denied, client, serve }) => {
          const request = { method: "PUT", headers: { baggage: "user=1" }, body: "body" };
          await serve(CHECKOUT, () => client.request(go(status, allowed, `${denied.origin}/end`), request));
          assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`]);
          assert.deepEqual(arrived(denied), ["user=1"]);
          // After 303 clients repeat the request as a GET; some also do so after 301 and 302.
          if (status >= 307) assert.equal(denied.requests[0]?.body, "body");
        }),
    }),
  ),
  {
    id: "OUT-16",
    title: "adds the variant if a redirect leads to a named destination",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        await serve(CHECKOUT, () => client.request(go(302, denied, `${allowed.origin}/end`)));
        assert.deepEqual(arrived(denied), [""]);
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
  {
    id: "OUT-17",
    title: "decides each hop of several on its own",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const back = go(307, denied, `${allowed.origin}/end`);
        await serve(CHECKOUT, () => client.request(go(308, allowed, back)));
        assert.deepEqual(arrived(allowed), [CHECKOUT, CHECKOUT]);
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
  {
    id: "OUT-18",
    title: "returns an unfollowed redirect if the caller asks for it",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const url = go(302, allowed, `${denied.origin}/end`);
        const { status } = await serve(CHECKOUT, () => client.request(url, { redirect: "manual" }));
        assert.equal(status, 302);
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
        assert.deepEqual(arrived(denied), []);
      }),
  },
  {
    id: "OUT-19",
    title: "treats another name of the same server, another port and a name before @ as other destinations",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const named = new URL(allowed.origin);
        const lookAlike = `http://127.0.0.1%3A${named.port}@localhost:${denied.port}/x`;
        await serve(CHECKOUT, async () => {
          await client.request(`http://localhost:${named.port}/x`);
          await client.request(`${denied.origin}/x?${allowed.origin}#${allowed.origin}`);
          // fetch rejects a URL with credentials. Other clients must still recognise the host.
          await client.request(lookAlike).catch(() => undefined);
        });
        assert.deepEqual(arrived(allowed), [""]);
        assert.ok(denied.requests.length >= 1);
        assert.ok(arrived(denied).every((line) => line === ""));
      }),
  },
];
