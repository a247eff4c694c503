import assert from "node:assert/strict";
import { send } from "../wire/client.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, serving, trusting } from "./serving.ts";

/** Assignments that the handler records during the request. */
export const recordingCases: readonly InboundCase[] = [
  {
    id: "IN-25",
    title: "shows a recorded assignment from then on, everywhere in the request",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const closed = Promise.withResolvers<void>();
      const handler = async ({ request, response, reply }: InboundExchange): Promise<void> => {
        const look = (scope = experiments.current()): void => {
          seen.push(`${scope.variant("search")} ${String(scope.attributes["experiment.variant"])}`);
        };
        look();
        assert.equal(experiments.record("search", "semantic"), "semantic");
        look();
        await new Promise((resolve) => setTimeout(resolve, 1));
        look();
        response.on("close", () => {
          look();
          look(experiments.of(request));
          closed.resolve();
        });
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port);
        await closed.promise;
      });
      const recorded = "semantic semantic";
      assert.deepEqual(seen, ["undefined none", recorded, recorded, recorded, recorded]);
    },
  },
  {
    id: "IN-26",
    title: "keeps the incoming variant if the handler records another",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const handler = async ({ reply }: InboundExchange): Promise<void> => {
        seen.push(experiments.record("checkout", "control"), experiments.current().record("checkout", "single_page"));
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(experiments.variant("checkout"), experiments.current().assignments.length);
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port, { lines: [`baggage: ${CHECKOUT}`] });
      });
      assert.deepEqual(seen, ["express", "express", "express", 1]);
    },
  },
];
