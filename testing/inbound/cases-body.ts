import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { BYTES_LINES, FORM, FORM_LINES, JSON_LINES, LONG_BODY } from "./bodies.ts";
import type { InboundCase } from "./harness.ts";
import { notesOf } from "./serving.ts";

/** The scope while a body arrives, by each way to read it. */
export const bodyCases: readonly InboundCase[] = [
  {
    id: "IN-07",
    title: "keeps the variant after the parser of a JSON body of more than 50 kB",
    async run(harness) {
      assert.ok(LONG_BODY.length > 100_000);
      const notes = await notesOf(
        harness,
        {
          prepare: "json",
          async handle({ body, reply }, note) {
            assert.deepEqual(body, JSON.parse(LONG_BODY));
            note("handler");
            await Promise.resolve();
            note("await");
            reply(200, "ok");
          },
        },
        { method: "POST", lines: JSON_LINES, body: LONG_BODY },
      );
      assert.deepEqual(notes, ["handler: express", "await: express"]);
    },
  },
  {
    id: "IN-08",
    title: "keeps the variant after the parser of a multipart form",
    async run(harness) {
      const notes = await notesOf(
        harness,
        {
          prepare: "multipart",
          handle({ body, reply }, note) {
            assert.deepEqual(body, { fields: 1, bytes: 50_000 });
            note("handler");
            reply(200, "ok");
          },
        },
        { method: "POST", lines: FORM_LINES, body: FORM },
      );
      assert.deepEqual(notes, ["handler: express"]);
    },
  },
  {
    id: "IN-09",
    title: "keeps the variant while the request's stream is iterated, piped or awaited",
    async run(harness) {
      const readers: readonly ((request: IncomingMessage, note: (place: string) => void) => Promise<number>)[] = [
        async (request, note) => {
          let bytes = 0;
          for await (const chunk of request) {
            bytes += Buffer.byteLength(chunk);
            note("iterated");
          }
          return bytes;
        },
        async (request, note) => {
          let bytes = 0;
          await pipeline(request, async (chunks: AsyncIterable<Buffer>) => {
            for await (const chunk of chunks) {
              bytes += chunk.length;
              note("piped");
            }
          });
          return bytes;
        },
        async (request, note) => {
          let bytes = 0;
          request.on("readable", () => {
            note("readable");
            for (let chunk: Buffer | null = request.read(); chunk !== null; chunk = request.read()) {
              bytes += chunk.length;
            }
          });
          await once(request, "end");
          return bytes;
        },
      ];
      for (const read of readers) {
        const notes = await notesOf(
          harness,
          {
            async handle({ request, reply }, note) {
              assert.equal(await read(request, note), LONG_BODY.length);
              note("read");
              reply(200, "ok");
            },
          },
          { method: "POST", lines: BYTES_LINES, body: LONG_BODY },
        );
        assert.ok(notes.length > 1);
        assert.deepEqual(
          notes.filter((note) => !note.endsWith(": express")),
          [],
        );
      }
    },
  },
  {
    id: "IN-10",
    title: "keeps the variant in listeners of the request's data and end, and in what they start",
    async run(harness) {
      const notes = await notesOf(
        harness,
        {
          handle({ request, reply }, note) {
            request.on("data", () => note("data"));
            request.once("end", () => {
              note("end");
              setImmediate(() => {
                note("after end");
                reply(200, "ok");
              });
            });
          },
        },
        { method: "POST", lines: BYTES_LINES, body: LONG_BODY },
      );
      assert.deepEqual([...new Set(notes)], ["data: express", "end: express", "after end: express"]);
    },
  },
  {
    id: "IN-11",
    title: "keeps the variant in all later code if the request continues from its end event",
    async run(harness) {
      const notes = await notesOf(
        harness,
        {
          prepare: "end",
          async handle({ reply }, note) {
            note("handler");
            await new Promise((resolve) => setImmediate(resolve));
            note("later");
            reply(200, "ok");
          },
        },
        { method: "POST", lines: BYTES_LINES, body: LONG_BODY },
      );
      assert.deepEqual(notes, ["handler: express", "later: express"]);
    },
  },
];
