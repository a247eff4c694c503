import assert from "node:assert/strict";
import { once } from "node:events";
import { createExperiments } from "../../src/index.ts";
import { send, WireConnection } from "../wire/client.ts";
import { BYTES_LINES } from "./bodies.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { serving, trusting } from "./serving.ts";

/** Several requests on one connection, one after the other and at the same time. */
export const connectionCases: readonly InboundCase[] = [
  {
    id: "IN-18",
    title: "keeps a request's variant out of later requests on a kept-alive connection",
    async run(harness) {
      const experiments = trusting();
      const handler = async ({ request, reply }: InboundExchange): Promise<void> => {
        const atOnce = experiments.variant("checkout");
        await new Promise((resolve) => setImmediate(resolve));
        request.resume();
        if (request.method === "POST") await once(request, "end");
        reply(200, `${atOnce} ${experiments.variant("checkout")}`);
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const connection = await WireConnection.open(port);
        try {
          const bodies: string[] = [];
          for (const variant of ["express", undefined, "control", undefined, "single_page"]) {
            const lines = variant === undefined ? [] : [`baggage: experiment.checkout.variant=${variant}`];
            for (const request of [{}, { method: "POST", body: "x".repeat(1_000) }]) {
              bodies.push((await connection.send({ ...request, lines: [...BYTES_LINES, ...lines] })).body);
            }
          }
          assert.deepEqual(
            bodies,
            ["express", undefined, "control", undefined, "single_page"].flatMap((variant) => [
              `${variant} ${variant}`,
              `${variant} ${variant}`,
            ]),
          );
        } finally {
          connection.close();
        }
      });
    },
  },
  {
    id: "IN-19",
    title: "gives each of several simultaneous requests its own variant, pipelined on one connection or on several",
    async run(harness) {
      const experiments = createExperiments({ trustInbound: true });
      const rounds = 20;
      const wrong: string[] = [];
      const served = Promise.withResolvers<void>();
      let open = rounds * 2;
      const handler = async ({ request, reply }: InboundExchange): Promise<void> => {
        const expected = request.url?.slice(1);
        for (let i = 0; i < 3; i++) {
          await new Promise((resolve) => setTimeout(resolve, i));
          const variant = experiments.variant("checkout");
          if (variant !== expected) wrong.push(`${variant} instead of ${expected}`);
        }
        reply(200, experiments.variant("checkout") ?? "none");
        if (--open === 0) served.resolve();
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const connection = await WireConnection.open(port);
        connection.write(Array.from({ length: rounds }, (_, i) => getWith(`p${i}`)).join(""));
        const bodies = await Promise.all(
          Array.from({ length: rounds }, async (_, i) => {
            const lines = [`baggage: experiment.checkout.variant=c${i}`];
            return (await send(port, { path: `/c${i}`, lines })).body;
          }),
        );
        await served.promise;
        connection.close();
        assert.deepEqual(
          bodies,
          Array.from({ length: rounds }, (_, i) => `c${i}`),
        );
      });
      assert.deepEqual(wrong, []);
    },
  },
];

/** A GET request without a body, as on the wire. */
function getWith(variant: string): string {
  return `GET /${variant} HTTP/1.1\r\nhost: 127.0.0.1\r\nbaggage: experiment.checkout.variant=${variant}\r\n\r\n`;
}
