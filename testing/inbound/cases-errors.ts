import assert from "node:assert/strict";
import { send, WireConnection } from "../wire/client.ts";
import { BYTES_LINES } from "./bodies.ts";
import type { InboundApp, InboundCase, InboundExchange } from "./harness.ts";
import { CHECKOUT, serving, trusting } from "./serving.ts";

/** Handlers that fail, and clients that abort. */
export const errorCases: readonly InboundCase[] = [
  {
    id: "IN-15",
    title: "keeps the variant where the framework reports the handler's error",
    async run(harness) {
      for (const fail of [
        () => {
          throw new Error("at once");
        },
        async () => {
          await new Promise((resolve) => setImmediate(resolve));
          throw new Error("later");
        },
      ]) {
        const experiments = trusting();
        const seen: unknown[] = [];
        const onError = (): void => void seen.push(experiments.variant("checkout"));
        await serving(harness, { mount: [experiments], handler: fail, onError }, [experiments], async (port) => {
          const { status } = await send(port, { lines: [`baggage: ${CHECKOUT}`] });
          assert.equal(status, 500);
        });
        assert.deepEqual(seen, ["express"]);
      }
    },
  },
  {
    id: "IN-16",
    title: "does not change the handler's error, thrown or rejected",
    async run(harness) {
      const error = new Error("the user's own");
      const before = Object.getOwnPropertyNames(error);
      for (const fail of [
        () => {
          throw error;
        },
        () => Promise.reject(error),
      ]) {
        const experiments = trusting();
        const caught: unknown[] = [];
        const variants: unknown[] = [];
        const onError: NonNullable<InboundApp["onError"]> = (thrown, { request }) => {
          caught.push(thrown);
          variants.push(experiments.of(request).variant("checkout"));
        };
        await serving(harness, { mount: [experiments], handler: fail, onError }, [experiments], async (port) => {
          const { status } = await send(port, { lines: [`baggage: ${CHECKOUT}`] });
          assert.equal(status, 500);
        });
        assert.equal(caught.length, 1);
        assert.equal(caught[0], error);
        assert.deepEqual(variants, ["express"]);
      }
      const added = Object.getOwnPropertyNames(error).filter((name) => !before.includes(name));
      assert.deepEqual(
        added.filter((name) => /experiment/i.test(name)),
        [],
      );
    },
  },
  {
    id: "IN-17",
    title: "keeps the variant if the client aborts halfway, and continues to serve",
    async run(harness) {
      const experiments = trusting();
      const notes: string[] = [];
      const arrived = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      const handler = ({ request, response, reply }: InboundExchange): void => {
        if (request.method === "GET") return reply(200, experiments.variant("checkout") ?? "none");
        const note = (place: string): void => {
          notes.push(`${place}: ${experiments.variant("checkout") ?? "none"}`);
        };
        request.once("data", () => {
          note("data");
          arrived.resolve();
        });
        request.on("error", () => note("error"));
        request.on("close", () => note("request's close"));
        response.on("close", () => {
          note("close");
          setImmediate(gone.resolve);
        });
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const connection = await WireConnection.open(port);
        const head = [
          "POST / HTTP/1.1",
          "host: 127.0.0.1",
          ...BYTES_LINES,
          "content-length: 100",
          `baggage: ${CHECKOUT}`,
        ];
        connection.write(`${head.join("\r\n")}\r\n\r\nonly a part`);
        await arrived.promise;
        connection.close();
        await gone.promise;
        assert.equal((await send(port)).body, "none");
      });
      assert.deepEqual([...new Set(notes)].sort(), [
        "close: express",
        "data: express",
        "error: express",
        "request's close: express",
      ]);
    },
  },
];
