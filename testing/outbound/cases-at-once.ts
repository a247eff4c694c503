import assert from "node:assert/strict";
import type { WireServer } from "../wire/server.ts";
import type { OutboundCase } from "./harness.ts";
import { arrived, go, onStage, own, type Stage } from "./stage.ts";

/** More requests than connections, so that requests share and wait for connections. */
const AT_ONCE = 36;

const VARIANTS = ["control", "express", "single_page"] as const;

/** Simultaneous requests over shared connections. */
export const atOnceCases: readonly OutboundCase[] = [
  {
    id: "OUT-20",
    title: "sends each of many simultaneous requests its own variant",
    run: (harness) =>
      onStage(harness, async (stage) => {
        await interleave(stage, (name) => `${stage.allowed.origin}/${name}`);
        assert.equal(stage.allowed.requests.length, AT_ONCE);
        assert.deepEqual(mistaken(stage.allowed), []);
      }),
  },
  {
    id: "OUT-21",
    title: "sends each of many simultaneous requests its own variant, also on the second hop",
    run: (harness) =>
      onStage(harness, async (stage) => {
        const { allowed } = stage;
        await interleave(stage, (name) => go(307, allowed, `${allowed.origin}/${name}`));
        assert.equal(allowed.requests.length, 2 * AT_ONCE);
        assert.deepEqual(mistaken(allowed), []);
      }),
  },
  {
    id: "OUT-22",
    title: "sends each of many simultaneous requests its own variant, also in the second attempt",
    run: (harness) =>
      onStage(harness, async (stage) => {
        await interleave(stage, (name) => `${stage.allowed.origin}/flaky/${name}`);
        assert.equal(stage.allowed.requests.length, 2 * AT_ONCE);
        assert.deepEqual(mistaken(stage.allowed), []);
      }),
  },
];

/** Makes simultaneous requests, each in its own scope and with its variant in the URL. */
async function interleave(stage: Stage, urlOf: (name: string) => string): Promise<void> {
  const { client, serve } = stage;
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, i) => {
      const variant = VARIANTS[i % VARIANTS.length] ?? "control";
      return serve(own(variant), () => client.request(urlOf(`${variant}-${i}`)));
    }),
  );
}

/** The requests that arrived with a variant other than the one in their URL. */
function mistaken(server: WireServer): readonly string[] {
  const lines = arrived(server);
  return server.requests.flatMap(({ start }, i) => {
    const variant = /(control|express|single_page)-\d+/.exec(start)?.[1] ?? "";
    return lines[i] === own(variant) ? [] : [`${start}: ${lines[i]}`];
  });
}
