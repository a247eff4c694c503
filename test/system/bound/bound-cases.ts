import { metrics } from "@opentelemetry/api";
import type { Registry } from "otel-experiments";
import type { InboundHarness } from "otel-experiments/testing";
import { afterAll, describe, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { OneConnection } from "./one-connection.ts";
import { calls, clients, openBench, type Way } from "./ways.ts";

/** As many requests as wait for the one connection at the same time. */
const REQUESTS = 20;

const variants: readonly string[] = Array.from({ length: REQUESTS }, (_, index) => `v${index}`);
const registry: Registry = {
  checkout: { id: "checkout_1", variants, assigner: ({ subject }: { readonly subject: string }) => `v${subject}` },
};

/** Each way of using a variant in the callback of a pool with one connection, while 20 requests wait for it. */
export function describeBoundCallbacks(
  harnesses: readonly InboundHarness[],
  ways: readonly Way[] = [...calls, ...clients],
): void {
  describe.each([...harnesses])("callbacks that wait for one connection, $name", (harness) => {
    test("BND-01 have the variant of the request that waited, whatever they use it for", async () => {
      const bench = await openBench(registry);
      const right: Record<string, number> = {};
      for (const way of ways) {
        const connection = new OneConnection(REQUESTS);
        const use = way.make(bench);
        const results: unknown[] = [];
        const server = await harness.serve({
          mount: [bench.experiments, bench.other],
          async handler({ request, reply }) {
            const index = Number((request.url ?? "").slice(1));
            await new Promise<void>((resolve, reject) => {
              connection.acquire(() => {
                void Promise.resolve(use(index)).then((result) => {
                  results[index] = result;
                  resolve();
                }, reject);
              });
            });
            reply(200, "ok");
          },
        });
        const sent = variants.map((variant, index) =>
          send(server.port, {
            path: `/${index}`,
            lines: way.assigns === true ? [] : [`baggage: experiment.checkout.variant=${variant}`],
          }),
        );
        await Promise.all(sent);
        await server.close();
        const seen = await Promise.all(results.map((result) => (typeof result === "function" ? result() : result)));
        right[way.name] = seen.filter((variant, index) => variant === `v${index}`).length;
      }
      await bench.close();
      expect(right).toEqual(Object.fromEntries(ways.map(({ name }) => [name, REQUESTS])));
    });
  });

  afterAll(() => metrics.disable());
}
