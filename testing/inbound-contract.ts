import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { createExperiments, type Experiments, type ExperimentsHandle } from "../src/index.ts";
import { send, WireConnection, type WireRequest } from "./wire-client.ts";

/** One request as a case sees it, whichever the framework. */
export interface InboundExchange {
  /** node:http's own. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The framework's request or context; node:http's request where there is no other. */
  readonly native: object;
  /** What stands at the place where the adapter offers the scope; undefined where it has none. */
  readonly placed: unknown;
  /** What `prepare` made of the body. */
  readonly body: unknown;
  /** Answers by the framework's means. The handler may have returned before. */
  reply(status: number, body: string): void;
}

/** What a case asks a harness to serve. */
export interface InboundApp {
  /** Mounted one after the other in front of everything else; none for a server without us. */
  readonly mount: readonly ExperimentsHandle[];
  /** Serves every method and path. Its error, thrown or rejected, goes to the framework. */
  readonly handler: (exchange: InboundExchange) => unknown;
  /**
   * What stands between the two: a parser of JSON (up to 1 MB), one of multipart forms (`body` is then a `FormSize`), or
   * something that reads the body away and goes on from the request's `end` event.
   */
  readonly prepare?: "json" | "multipart" | "end";
  /** Is told of the handler's error where the framework tells of errors. The harness answers 500 then. */
  readonly onError?: (error: unknown, exchange: Pick<InboundExchange, "request">) => void;
}

/** What a harness makes of a multipart form. */
export interface FormSize {
  readonly fields: number;
  /** Of all files together. */
  readonly bytes: number;
}

/** A server on a free port of 127.0.0.1. */
export interface InboundServer {
  readonly port: number;
  /** Closes connections too, also those whose request is never answered. */
  close(): Promise<void>;
}

/** One framework with its adapter. */
export interface InboundHarness {
  readonly name: string;
  /** The cases that cannot hold here, by id, each with its reason. */
  readonly lacks?: Readonly<Record<string, string>>;
  serve(app: InboundApp): Promise<InboundServer>;
}

/** One thing that every inbound adapter must do. */
export interface InboundCase {
  readonly id: string;
  readonly title: string;
  /** @throws AssertionError, or what the harness throws */
  run(harness: InboundHarness): Promise<void>;
}

/** A case that hangs has failed. */
const CASE_DEADLINE_MS = 10_000;

/**
 * Runs one case on one harness. A case that the harness lacks has to fail, since a reason that no longer holds would
 * hide that it fails again.
 *
 * @throws AssertionError where the case fails, or where it passes although the harness names a reason
 */
export async function checkInboundCase(inboundCase: InboundCase, harness: InboundHarness): Promise<void> {
  const { id } = inboundCase;
  const reason = harness.lacks?.[id];
  if (reason === undefined) return within(CASE_DEADLINE_MS, inboundCase.run(harness));
  assert.notEqual(reason.trim(), "", `${harness.name} lacks ${id} without a reason`);
  const passes = await within(CASE_DEADLINE_MS, inboundCase.run(harness)).then(
    () => true,
    () => false,
  );
  assert.equal(passes, false, `${harness.name} passes ${id}; take it out of what it lacks: "${reason}"`);
}

/** @throws AssertionError where the harness lacks what is no case */
export function checkInboundLacks(harness: InboundHarness): void {
  const known = new Set(inboundContract.map(({ id }) => id));
  const unknown = Object.keys(harness.lacks ?? {}).filter((id) => !known.has(id));
  assert.deepEqual(unknown, [], `${harness.name} lacks cases that there are none of`);
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: "the case hangs" })), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const REGISTRY = {
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
  search: { id: "search_ranking_2026q1", variants: ["bm25", "semantic"] },
} as const;

const CHECKOUT = "experiment.checkout.variant=express,experiment.checkout.id=checkout_redesign_2026q1";

const EXPRESS_ASSIGNMENT = { key: "checkout", id: "checkout_redesign_2026q1", variant: "express", forced: false };

type Checkout = Experiments<typeof REGISTRY>;

function trusting(): Checkout {
  return createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
}

/** Serves an app while `use` runs, and closes it and the experiments. */
async function serving<T>(
  harness: InboundHarness,
  app: InboundApp,
  closing: readonly Pick<Experiments, "close">[],
  use: (port: number) => Promise<T>,
): Promise<T> {
  const server = await harness.serve(app);
  try {
    return await use(server.port);
  } finally {
    await server.close();
    for (const experiments of closing) await experiments.close();
  }
}

/** Sends one request with a trusted variant, and gives back what the handler noted in the order in which it did. */
async function notesOf(
  harness: InboundHarness,
  app: Omit<InboundApp, "mount" | "handler"> & {
    handle(exchange: InboundExchange, note: (place: string) => void, experiments: Checkout): unknown;
  },
  request: WireRequest = {},
  until?: (notes: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const experiments = trusting();
  const notes: string[] = [];
  const complete = Promise.withResolvers<void>();
  const note = (place: string): void => {
    notes.push(`${place}: ${experiments.variant("checkout") ?? "none"}`);
    if (until?.(notes) === true) complete.resolve();
  };
  const { handle, ...rest } = app;
  const handler = (exchange: InboundExchange): unknown => handle(exchange, note, experiments);
  return serving(harness, { ...rest, mount: [experiments], handler }, [experiments], async (port) => {
    await send(port, { ...request, lines: [...(request.lines ?? []), `baggage: ${CHECKOUT}`] });
    if (until !== undefined) await complete.promise;
    return notes;
  });
}

/** A body of several segments, so that its end arrives from the socket long after the handler was called. */
const LONG_BODY: string = JSON.stringify({ items: Array.from({ length: 5_000 }, (_, i) => `an item, number ${i}`) });

const JSON_LINES: readonly string[] = ["content-type: application/json"];
const BYTES_LINES: readonly string[] = ["content-type: application/octet-stream"];
const BOUNDARY = "otel-experiments-boundary";
const FORM_LINES: readonly string[] = [`content-type: multipart/form-data; boundary=${BOUNDARY}`];
const FORM: string = [
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="note"\r\n\r\nhello`,
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\ncontent-type: application/octet-stream\r\n\r\n${"x".repeat(50_000)}`,
  `--${BOUNDARY}--\r\n`,
].join("\r\n");

/** A request without a body, as it stands on the wire. */
function getWith(variant: string): string {
  return `GET /${variant} HTTP/1.1\r\nhost: 127.0.0.1\r\nbaggage: experiment.checkout.variant=${variant}\r\n\r\n`;
}

/** A member of somebody else's that has this many bytes. */
function padding(bytes: number): string {
  return `user=${"u".repeat(bytes - "user=".length)}`;
}

/** What differs between two answers to one request: the date, and nothing else. */
function withoutDate(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !/^date:/i.test(line));
}

/** The contract of inbound adapters. A third party's runs them by `checkInboundCase`. */
export const inboundContract: readonly InboundCase[] = [
  {
    id: "IN-01",
    title: "reads the variant that a trusted caller sent",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(experiments.variant("checkout"), experiments.variant("search"), experiments.current().assignments);
        reply(200, "ok");
      };
      await serving(harness, { mount: [experiments], handler }, [experiments], async (port) => {
        const { status, body } = await send(port, { lines: [`baggage: user=1,${CHECKOUT};ttl=3,theme=dark`] });
        assert.deepEqual([status, body], [200, "ok"]);
      });
      const [checkout, search, assignments] = seen;
      assert.equal(checkout, "express");
      assert.equal(search, undefined);
      assert.partialDeepStrictEqual(assignments, [EXPRESS_ASSIGNMENT]);
    },
  },
  {
    id: "IN-02",
    title: "ignores the variant of a caller that it does not trust",
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
    id: "IN-03",
    title: "gives an empty scope outside of requests, before, meanwhile and after, and never undefined",
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
    title: "gives a request without baggage a scope of its own, which is empty",
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
    title: "offers the scope at the framework's place, the same one as current() and of() give",
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
    title: "finds the scope by node:http's request and response and by the framework's request, in and out of it",
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
    id: "IN-07",
    title: "keeps the variant behind the parser of a JSON body of more than 50 kB",
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
    title: "keeps the variant behind the parser of a multipart form",
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
    title: "keeps the variant in all that follows where the request goes on from its end event",
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
  {
    id: "IN-12",
    title: "keeps the variant over timers, ticks, microtasks and awaits",
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
    title: "keeps the variant in listeners of an emitter of the user's that emits within the request",
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
  {
    id: "IN-15",
    title: "keeps the variant where the framework tells of the handler's error",
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
    title: "leaves the handler's error as it is, thrown or rejected",
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
    title: "keeps the variant where the client aborts halfway, and serves on",
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
  {
    id: "IN-18",
    title: "lets nothing of a request into the next ones of a kept-alive connection",
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
    title: "gives each of several requests under way its own variant, pipelined on one connection or on several",
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
  {
    id: "IN-20",
    title: "reads several baggage lines as one list, an experiment's members in whichever of them",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(...experiments.current().assignments);
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
      assert.partialDeepStrictEqual(
        new Map(seen.map((assignment) => [Reflect.get(Object(assignment), "key"), assignment])),
        new Map([
          ["checkout", EXPRESS_ASSIGNMENT],
          ["search", { key: "search", id: "search_ranking_2026q1", variant: "semantic", forced: false }],
        ]),
      );
      assert.equal(seen.length, 2);
    },
  },
  {
    id: "IN-21",
    title: "keeps the good members of malformed baggage, and serves the request",
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
    id: "IN-23",
    title: "opens one scope where it is mounted twice",
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
    title: "lets each of two instances with other prefixes and registries see its own",
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
  {
    id: "IN-25",
    title: "shows what the handler recorded from then on, wherever the request goes",
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
    title: "keeps the variant that came in where the handler records another",
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
  {
    id: "IN-27",
    title: "takes from a trusted caller an experiment and a variant that it does not know, and marks what is forced",
    async run(harness) {
      const experiments = trusting();
      const seen: unknown[] = [];
      const handler = ({ reply }: InboundExchange): void => {
        seen.push(...experiments.current().assignments);
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
      assert.partialDeepStrictEqual(seen, [
        { key: "checkout", id: "checkout_redesign_2027q1", variant: "from_next_year", forced: true },
        { key: "pricing", id: undefined, variant: "high", forced: false },
      ]);
      assert.equal(seen.length, 2);
    },
  },
  {
    id: "IN-28",
    title: "leaves the response as it is without the middleware: status, headers and body, to the byte",
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
    title: "leaves the request's own headers as they came",
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
    title: "serves on after the experiments were closed",
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
