import assert from "node:assert/strict";
import { createExperiments } from "../../src/index.ts";
import { send, type WireRequest } from "../wire/client.ts";
import { JSON_LINES, LONG_BODY } from "./bodies.ts";
import type { InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, type Checkout, REGISTRY, serving, trusting } from "./serving.ts";

/** Behaviour that the middleware does not change. */
export const untouchedCases: readonly InboundCase[] = [
  {
    id: "IN-28",
    title: "does not change the response: status, headers and body are the same to the byte",
    async run(harness) {
      const experiments = trusting();
      const probes: readonly WireRequest[] = [
        { lines: [`baggage: ${CHECKOUT}`] },
        { path: "/empty" },
        { path: "/missing?a=1", lines: ["accept: application/json"] },
        { path: "/moved", lines: [`baggage: ${CHECKOUT}`, "baggage: user=1"] },
        { path: "/long", lines: ["accept-encoding: gzip", "baggage: =,;,%"] },
        { path: "/fails", lines: [`baggage: ${CHECKOUT}`] },
        { method: "POST", path: "/echo", lines: JSON_LINES, body: LONG_BODY },
        { method: "POST", path: "/echo", lines: JSON_LINES, body: "{ malformed" },
        { method: "OPTIONS", path: "/", lines: ["origin: https://shop.example"] },
      ];
      const handler = ({ request, response, body, reply }: InboundExchange): void => {
        experiments.record("checkout", "control");
        response.setHeader("set-cookie", ["a=1", "b=2"]);
        response.setHeader("X-Kept", "as it is");
        const path = request.url?.split("?")[0];
        if (path === "/fails") throw new Error("the handler failed");
        if (path === "/moved") response.setHeader("location", "/elsewhere");
        if (path === "/empty") reply(204, "");
        else if (path === "/moved") reply(302, "");
        else if (path === "/missing") reply(404, "nothing here");
        else reply(200, path === "/long" ? "y".repeat(100_000) : path === "/echo" ? JSON.stringify(body) : "ok");
      };
      const answers = (mount: readonly Checkout[]): Promise<unknown[]> =>
        serving(harness, { mount, prepare: "json", handler }, [], async (port) => {
          const all: unknown[] = [];
          for (const probe of probes) {
            const { start, lines, body } = await send(port, probe);
            all.push({ start, lines: withoutDate(lines), body });
          }
          return all;
        });
      try {
        const [plain, served] = [await answers([]), await answers([experiments])];
        assert.equal(plain.length, probes.length);
        assert.deepEqual(served, plain);
      } finally {
        await experiments.close();
      }
    },
  },
  {
    id: "IN-29",
    title: "does not change the request's own headers",
    async run(harness) {
      const experiments = createExperiments({ experiments: REGISTRY, strict: false });
      const seen: unknown[] = [];
      const baggage = `user=1,${CHECKOUT},experiment%2Esearch.variant=bm25`;
      const handler = ({ request, reply }: InboundExchange): void => {
        seen.push(request.headers["baggage"], request.rawHeaders.includes(baggage));
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await send(port, { lines: [`baggage: ${baggage}`] });
      });
      assert.deepEqual(seen, [baggage, true]);
    },
  },
  {
    id: "IN-30",
    title: "continues to serve after the experiments are closed",
    async run(harness) {
      const experiments = trusting();
      const handler = ({ reply }: InboundExchange): void => {
        experiments.record("search", "bm25");
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        await experiments.close();
        const { status, body } = await send(port, { lines: [`baggage: ${CHECKOUT}`] });
        assert.deepEqual([status, body], [200, "ok"]);
      });
    },
  },
];

/** The header lines without the date, the only line that may differ between two answers to one request. */
function withoutDate(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !/^date:/i.test(line));
}
