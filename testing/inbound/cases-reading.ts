import assert from "node:assert/strict";
import { createExperiments, type Scope } from "../../src/index.ts";
import { send } from "../wire/client.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, EXPRESS_ASSIGNMENT, REGISTRY, serving, trusting } from "./serving.ts";

/** Which members of a caller's baggage are read, and of which callers. */
export const readingCases: readonly InboundCase[] = [
  {
    id: "IN-01",
    title: "reads the variant that a trusted caller sent",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        const { assignments } = experiments.current();
        seen.push(experiments.variant("checkout"), experiments.variant("search"), fieldsOf(assignments));
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const { status, body } = await send(port, { lines: [`baggage: user=1,${CHECKOUT};ttl=3,theme=dark`] });
        assert.deepEqual([status, body], [200, "ok"]);
      });
      const [checkout, search, assignments] = seen;
      assert.equal(checkout, "express");
      assert.equal(search, undefined);
      assert.deepEqual(assignments, [EXPRESS_ASSIGNMENT]);
    },
  },
  {
    id: "IN-02",
    title: "ignores the variant of an untrusted caller",
    async run(harness) {
      const experiments = createExperiments({ experiments: REGISTRY });
      const seen: unknown[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(experiments.variant("checkout"), experiments.current().assignments.length);
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port, { lines: [`baggage: ${CHECKOUT}`] });
      });
      assert.deepEqual(seen, [undefined, 0]);
    },
  },
  {
    id: "IN-20",
    title: "reads several baggage lines as one list, with an experiment's members in any of them",
    async run(harness) {
      const experiments = trusting();
      const seen: Fields[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(...fieldsOf(experiments.current().assignments));
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], (port) =>
        send(port, {
          lines: [
            "baggage: user=1,experiment.checkout.id=checkout_redesign_2026q1",
            "Baggage: experiment.search.variant=semantic ; a=b",
            "x-between: 1",
            "BAGGAGE: \texperiment.checkout.variant=express , tail=1",
          ],
        }),
      );
      assert.deepEqual(
        seen.sort((a, b) => (a.key < b.key ? -1 : 1)),
        [EXPRESS_ASSIGNMENT, { key: "search", id: "search_ranking_2026q1", variant: "semantic", forced: false }],
      );
    },
  },
  {
    id: "IN-21",
    title: "keeps the valid members of malformed baggage, and serves the request",
    async run(harness) {
      const experiments = trusting();
      const handler = ({ reply }: InboundExchange): void => {
        const variants = experiments.current().assignments.map(({ key, variant }) => `${key}=${variant}`);
        reply(200, variants.sort().join(" "));
      };
      const good = "experiment.search.variant=semantic";
      const bad = [
        "experiment.checkout.variant",
        "experiment.checkout.variant=",
        "experiment.checkout.variant==",
        "experiment.checkout.variant=a b",
        "experiment.checkout.variant=%ZZ",
        "experiment.checkout.variant=%0d%0aset-cookie",
        "experiment.checkout.variant=%00",
        "experiment.checkout.variant=ä",
        'experiment.checkout.variant="express"',
        "experiment.checkout.variant=-express",
        `experiment.checkout.variant=${"v".repeat(65)}`,
        "experiment.checkout=express",
        "experiment.Checkout.variant=express",
        "experiment.__proto__.variant=express",
        "experiment.constructor.prototype.variant=express",
        "experiment..variant=express",
        "experiment.variant=express",
        "experiment.checkout.colour=red",
        "experiment.checkout.id=checkout_redesign_2026q1",
        "x.experiment.checkout.variant=express",
        "experiment%2Echeckout.variant=express",
        "\u00a0experiment.checkout.variant=express",
        ",,;;==,",
        ";experiment.checkout.variant=express",
        "=experiment.checkout.variant=express",
      ];
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        for (const member of bad) {
          const { status, body } = await send(port, { lines: [`baggage: ${member},${good},${member}`] });
          assert.deepEqual([status, body], [200, "search=semantic"], member);
        }
      });
    },
  },
  {
    id: "IN-22",
    title: "reads the first 8192 bytes of a longer header, and serves the request",
    async run(harness) {
      const experiments = trusting();
      const handler = ({ reply }: InboundExchange): void => reply(200, experiments.variant("checkout") ?? "none");
      const member = "experiment.checkout.variant=express";
      const limit = 8192;
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const variants: string[] = [];
        for (const baggage of [
          `${member},${padding(10_000)}`,
          `${padding(limit - member.length - 1)},${member}`,
          `${padding(limit - member.length)},${member}`,
          `${padding(10_000)},${member}`,
        ]) {
          const { status, body } = await send(port, { lines: [`baggage: ${baggage}`] });
          assert.equal(status, 200);
          variants.push(body);
        }
        assert.deepEqual(variants, ["express", "express", "none", "none"]);
      });
    },
  },
  {
    id: "IN-27",
    title: "accepts an undeclared experiment and variant from a trusted caller, and marks a forced one",
    async run(harness) {
      const experiments = trusting();
      const seen: Fields[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(...fieldsOf(experiments.current().assignments));
        reply(200, "ok");
      };
      const baggage = [
        "experiment.checkout.variant=from_next_year",
        "experiment.checkout.id=checkout_redesign_2027q1",
        "experiment.checkout.forced=1",
        "experiment.pricing.variant=high",
      ];
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port, { lines: [`baggage: ${baggage.join(",")}`] });
      });
      assert.deepEqual(seen, [
        { key: "checkout", id: "checkout_redesign_2027q1", variant: "from_next_year", forced: true },
        { key: "pricing", id: undefined, variant: "high", forced: false },
      ]);
    },
  },
];

type Fields = Pick<Scope["assignments"][number], "key" | "id" | "variant" | "forced">;

/** The fields of an assignment that every version shows. There may be more. */
function fieldsOf(assignments: Scope["assignments"]): Fields[] {
  return assignments.map(({ key, id, variant, forced }) => ({ key, id, variant, forced }));
}

/** A foreign member of this many bytes. */
function padding(bytes: number): string {
  return `user=${"u".repeat(bytes - "user=".length)}`;
}
