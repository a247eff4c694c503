import assert from "node:assert/strict";
import { createExperiments } from "../../src/index.ts";
import { send } from "../wire/client.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, REGISTRY, serving, trusting } from "./serving.ts";

/** The scope of a request, and how to find it. */
export const scopeCases: readonly InboundCase[] = [
  {
    id: "IN-03",
    title: "gives an empty scope outside of requests, never undefined: before, during and after one",
    async run(harness) {
      const experiments = trusting();
      const outside = experiments.current();
      const entered = Promise.withResolvers<void>();
      const leave = Promise.withResolvers<void>();
      const handler = async ({ reply }: InboundExchange): Promise<void> => {
        entered.resolve();
        await leave.promise;
        reply(200, "ok");
      };
      const assertEmpty = (): void => {
        assert.equal(experiments.current(), outside);
        assert.deepEqual(experiments.current().assignments, []);
        assert.equal(experiments.variant("checkout"), undefined);
        assert.equal(experiments.of({}), outside);
      };
      assert.notEqual(outside, undefined);
      assertEmpty();
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const answered = send(port, { lines: [`baggage: ${CHECKOUT}`] });
        await entered.promise;
        assertEmpty();
        leave.resolve();
        await answered;
        assertEmpty();
      });
    },
  },
  {
    id: "IN-04",
    title: "gives a request without baggage its own empty scope",
    async run(harness) {
      const experiments = trusting();
      const scopes: object[] = [];
      const handler = ({ request, reply }: InboundExchange): void => {
        scopes.push(experiments.current());
        assert.equal(experiments.of(request), experiments.current());
        reply(200, String(experiments.current().assignments.length));
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        assert.equal((await send(port)).body, "0");
        assert.equal((await send(port)).body, "0");
      });
      assert.equal(new Set([...scopes, experiments.current()]).size, 3);
    },
  },
  {
    id: "IN-05",
    title: "offers the scope at the framework's place, the same one that current() and of() return",
    async run(harness) {
      const experiments = trusting();
      const seen: { placed: unknown; current: object; of: object }[] = [];
      const handler = ({ request, placed, reply }: InboundExchange): void => {
        seen.push({ placed, current: experiments.current(), of: experiments.of(request) });
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], (port) => send(port));
      const [{ placed, current, of } = assert.fail("the handler was not called")] = seen;
      assert.equal(placed, current);
      assert.equal(of, current);
    },
  },
  {
    id: "IN-06",
    title:
      "finds the scope by node:http's request and response and by the framework's request, inside and outside of it",
    async run(harness) {
      const experiments = trusting();
      const seen: { exchange: InboundExchange; current: object }[] = [];
      const handler = (exchange: InboundExchange): void => {
        seen.push({ exchange, current: experiments.current() });
        exchange.reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port, { lines: [`baggage: ${CHECKOUT}`] });
        const [{ exchange, current } = assert.fail("the handler was not called")] = seen;
        assert.notEqual(experiments.current(), current);
        assert.equal(experiments.of(exchange.request), current);
        assert.equal(experiments.of(exchange.response), current);
        assert.equal(experiments.of(exchange.native), current);
        assert.equal(experiments.of(exchange.request).variant("checkout"), "express");
      });
    },
  },
  {
    id: "IN-23",
    title: "opens one scope if it is mounted twice",
    async run(harness) {
      let readings = 0;
      const trustInbound = (): boolean => ++readings > 0;
      const experiments = createExperiments({ experiments: REGISTRY, trustInbound, strict: false });
      const scopes: unknown[] = [];
      const handler = ({ request, reply }: InboundExchange): void => {
        experiments.record("search", "bm25");
        scopes.push(experiments.current(), experiments.of(request));
        reply(
          200,
          experiments
            .current()
            .assignments.map(({ variant }) => variant)
            .join(" "),
        );
      };
      await serving(harness, { mount: [experiments, experiments], handler }, [experiments], async (port) => {
        assert.equal((await send(port, { lines: [`baggage: ${CHECKOUT}`] })).body, "express bm25");
      });
      assert.equal(new Set(scopes).size, 1);
      assert.equal(readings, 1);
    },
  },
  {
    id: "IN-24",
    title: "lets each of two instances with different prefixes and registries see its own",
    async run(harness) {
      for (const order of ["shop first", "labs first"]) {
        const shop = trusting();
        const labs = createExperiments({
          experiments: { checkout: { id: "labs_checkout_7", variants: ["blue", "red"] } },
          prefix: "labs.",
          trustInbound: true,
        });
        const seen: unknown[] = [];
        const look = (): void => void seen.push(`${shop.variant("checkout")} ${labs.variant("checkout")}`);
        const closed = Promise.withResolvers<void>();
        const handler = async ({ request, response, reply }: InboundExchange): Promise<void> => {
          look();
          assert.notEqual(shop.current(), labs.current());
          assert.equal(shop.of(request), shop.current());
          assert.equal(labs.of(request), labs.current());
          response.on("close", () => {
            look();
            closed.resolve();
          });
          await new Promise((resolve) => setImmediate(resolve));
          look();
          reply(200, [...shop.current().assignments, ...labs.current().assignments].map(({ id }) => id).join(" "));
        };
        const mount = order === "shop first" ? [shop, labs] : [labs, shop];
        await serving(harness, { mount, handler }, [shop, labs], async (port) => {
          const { body } = await send(port, { lines: [`baggage: labs.checkout.variant=red,${CHECKOUT}`] });
          await closed.promise;
          assert.equal(body, "checkout_redesign_2026q1 labs_checkout_7", order);
        });
        assert.deepEqual(seen, ["express red", "express red", "express red"], order);
      }
    },
  },
];
