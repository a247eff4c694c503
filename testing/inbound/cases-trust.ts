import assert from "node:assert/strict";
import { createExperiments } from "../../src/index.ts";
import { testHeaders } from "../test-headers.ts";
import { send } from "../wire/client.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, type Checkout, REGISTRY, serving } from "./serving.ts";

const LOOPBACK = ["127.0.0.0/8"];
const ELSEWHERE = ["10.0.0.0/8"];
const FORWARDED = "x-forwarded-for: 10.1.2.3";

/** The facts by which a caller is trusted. */
export const trustCases: readonly InboundCase[] = [
  {
    id: "IN-31",
    title: "trusts the networks of trustInbound by the socket's address, never by a forwarded one",
    async run(harness) {
      const judged = async (trustInbound: readonly string[], lines: readonly string[], trustProxied = false) => {
        const experiments = createExperiments({ experiments: REGISTRY, trustInbound, trustProxied, strict: false });
        const handler = ({ reply }: InboundExchange): void => reply(200, variantsOf(experiments));
        return serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
          return (await send(port, { lines: [...lines, `baggage: ${CHECKOUT}`] })).body;
        });
      };
      assert.equal(await judged(LOOPBACK, []), "express");
      assert.equal(await judged(ELSEWHERE, []), "none");
      assert.equal(await judged(LOOPBACK, [FORWARDED]), "none");
      assert.equal(await judged(ELSEWHERE, [FORWARDED]), "none");
      // A service that trusts its proxies trusts their addresses, not the addresses that they forward.
      assert.equal(await judged(LOOPBACK, [FORWARDED], true), "express");
      assert.equal(await judged(ELSEWHERE, [FORWARDED], true), "none");
    },
  },
  {
    id: "IN-32",
    title: "shows no header that was not sent, even if objects inherit a property of its name",
    async run(harness) {
      const names = ["__proto__", "constructor", "hasownproperty", "toString", "tostring", "valueOf", "x-none"];
      const seen: unknown[] = [];
      const experiments = createExperiments({
        experiments: REGISTRY,
        strict: false,
        trustInbound({ header }) {
          seen.push(...names.map((name) => header(name)));
          return true;
        },
      });
      const handler = ({ reply }: InboundExchange): void => reply(200, variantsOf(experiments));
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        assert.equal((await send(port, { lines: [`baggage: ${CHECKOUT}`] })).body, "express");
      });
      assert.deepEqual(
        seen,
        names.map(() => undefined),
      );
    },
  },
  {
    id: "IN-33",
    title: "reads the header of a test if the experiments are strict, and trusts its variant as trustInbound says",
    async run(harness) {
      const judged = async (trustInbound: readonly string[], strict: boolean) => {
        const experiments = createExperiments({ experiments: REGISTRY, trustInbound, strict });
        const tested = createExperiments({ experiments: REGISTRY, strict: true });
        const handler = ({ reply }: InboundExchange): void => reply(200, variantsOf(experiments));
        return serving(harness, { mount: [experiments], handler }, [experiments, tested], async (port) => {
          const lines = Object.entries(testHeaders(tested, { checkout: "express" })).map((header) => header.join(": "));
          return (await send(port, { lines: [...lines, "baggage: user=1"] })).body;
        });
      };
      assert.equal(await judged(LOOPBACK, true), "express");
      assert.equal(await judged(ELSEWHERE, true), "none");
      assert.equal(await judged(LOOPBACK, false), "none");
    },
  },
];

function variantsOf(experiments: Checkout): string {
  return experiments.variant("checkout") ?? "none";
}
