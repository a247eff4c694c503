import assert from "node:assert/strict";
import { BYTES_LINES, LONG_BODY } from "./bodies.ts";
import type { InboundCase } from "./harness.ts";
import { notesOf } from "./serving.ts";

/** The scope across asynchronous calls and events, to the end of the response. */
export const asyncCases: readonly InboundCase[] = [
  {
    id: "IN-12",
    title: "keeps the variant across timers, ticks, microtasks and awaits",
    async run(harness) {
      const waits: Readonly<Record<string, () => Promise<unknown>>> = {
        timeout: () => new Promise((resolve) => setTimeout(resolve, 1)),
        immediate: () => new Promise((resolve) => setImmediate(resolve)),
        tick: () => new Promise((resolve) => process.nextTick(resolve)),
        microtask: () => new Promise<void>((resolve) => queueMicrotask(resolve)),
        await: async () => undefined,
      };
      const notes = await notesOf(harness, {
        async handle({ reply }, note) {
          for (const [place, wait] of Object.entries(waits)) {
            await wait();
            note(place);
          }
          reply(200, "ok");
        },
      });
      assert.deepEqual(
        notes,
        Object.keys(waits).map((place) => `${place}: express`),
      );
    },
  },
  {
    id: "IN-13",
    title: "keeps the variant in listeners of the user's own emitter that emits within the request",
    async run(harness) {
      const shared = new EventTarget();
      const notes = await notesOf(harness, {
        async handle({ reply }, note) {
          shared.addEventListener("work", () => note("listener"), { once: true });
          await new Promise((resolve) => setImmediate(resolve));
          shared.dispatchEvent(new Event("work"));
          reply(200, "ok");
        },
      });
      assert.deepEqual(notes, ["listener: express"]);
    },
  },
  {
    id: "IN-14",
    title: "keeps the variant in listeners of the response's finish and close, and of the request's close",
    async run(harness) {
      const notes = await notesOf(
        harness,
        {
          prepare: "end",
          handle({ request, response, reply }, note) {
            response.on("finish", () => note("finish"));
            response.on("close", () => setImmediate(() => note("close")));
            request.on("close", () => note("request's close"));
            reply(200, "ok");
          },
        },
        { method: "POST", lines: BYTES_LINES, body: LONG_BODY },
        (all) => all.length === 3,
      );
      assert.deepEqual([...notes].sort(), ["close: express", "finish: express", "request's close: express"]);
    },
  },
];
