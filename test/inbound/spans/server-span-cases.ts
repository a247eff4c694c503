import { type Attributes, type Context, context, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send, WireConnection } from "../../../testing/wire/client.ts";
import { startWireServer } from "../../../testing/wire/server.ts";
import { REDESIGN } from "../../support/experiments.ts";
import { experimentAttributes, isServerSpan, type Tracing } from "../../support/tracing.ts";

const SEMANTIC_ONLY: Attributes = {
  "experiment.search.id": "search_ranking_2026q1",
  "experiment.search.variant": "semantic",
};

const EXPRESS_ONLY: Attributes = {
  "experiment.checkout.id": "checkout_redesign_2026q1",
  "experiment.checkout.variant": "express",
};

const EXPRESS_PAIR: Attributes = {
  "experiment.id": "checkout_redesign_2026q1",
  "experiment.variant": "express",
};

const SEMANTIC_PAIR: Attributes = { "experiment.id": "search_ranking_2026q1", "experiment.variant": "semantic" };

const BOTH = "baggage: experiment.search.variant=semantic,experiment.checkout.variant=express";

type Handler = (exchange: InboundExchange, experiments: Experiments<typeof REDESIGN>) => unknown;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What one request left on its spans. */
interface Tagged {
  /** The attributes of experiments on the SERVER span. */
  readonly server: Attributes;
  /** The names of the other spans that have such attributes. */
  readonly others: readonly string[];
}

/** A row of the table "which span is the server span", by what code behind our middleware finds. */
export interface SpanRow {
  readonly harness: InboundHarness;
  readonly active: "INTERNAL" | "SERVER" | "not recording" | "none";
  readonly rpcMetadata: "SERVER" | "not recording" | "none";
  /** Whether the handler runs in a context that another plugin made before our middleware placed the scope in it. */
  readonly replacesContext?: boolean;
}

function kindOf(span: unknown): string {
  if (typeof span !== "object" || span === null) return "none";
  return "kind" in span ? (SpanKind[Number(span.kind)] ?? "unknown") : "not recording";
}

/** The row that code within a request finds itself in. */
function rowHere(): Omit<SpanRow, "harness"> {
  const active = kindOf(trace.getActiveSpan());
  const rpcMetadata = kindOf(getRPCMetadata(context.active())?.span);
  // why: a row is compared as a whole, so that another kind fails there
  return { active, rpcMetadata } as Omit<SpanRow, "harness">;
}

/** The row that a request of this harness finds itself in. */
async function rowOf(harness: InboundHarness): Promise<Omit<SpanRow, "harness">> {
  const experiments = createExperiments({ experiments: REDESIGN });
  const row = Promise.withResolvers<Omit<SpanRow, "harness">>();
  const server = await harness.serve({
    mount: [experiments],
    handler({ reply }) {
      row.resolve(rowHere());
      reply(200, "ok");
    },
  });
  await send(server.port);
  await server.close();
  await experiments.close();
  return row.promise;
}

/** The rows in which there is a server span. */
export function describeServerSpans(tracing: Tracing, rows: readonly SpanRow[]): void {
  beforeEach(() => tracing.clear());
  afterAll(() => tracing.stop());

  describe.each(rows)("the server span on $harness.name", (row) => {
    const { harness, replacesContext, ...place } = row;

    test("SP-00 is where its row of the table says", async () => {
      expect(await rowOf(harness)).toEqual(place);
    });

    /** Serves one request and looks at the spans when everything has ended. */
    async function tagsOf(
      lines: readonly string[],
      handler: Handler = ({ reply }) => reply(200, "ok"),
      options: Partial<ExperimentsOptions<typeof REDESIGN>> = {},
    ): Promise<Tagged> {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false, ...options });
      const server = await harness.serve({
        mount: [experiments],
        handler: (exchange) => handler(exchange, experiments),
      });
      try {
        await send(server.port, { lines });
        await tracing.serverSpans(1);
      } finally {
        await server.close();
        await experiments.close();
      }
      return tagsSoFar(tracing);
    }

    test("SP-01 has the variant that came in, keyed and as the flat pair, and no other span has it", async () => {
      const { server, others } = await tagsOf(["baggage: experiment.checkout.variant=express,user=1"]);
      expect(server).toEqual({ ...EXPRESS_ONLY, ...EXPRESS_PAIR });
      expect(others).toEqual([]);
    });

    test("SP-02 has what the handler records, at once or after a while", async () => {
      const { server, others } = await tagsOf([], async ({ reply }, experiments) => {
        experiments.record("checkout", "express");
        await new Promise((resolve) => setTimeout(resolve, 2));
        experiments.record("search", "semantic");
        reply(200, "ok");
      });
      expect(server).toEqual({ ...EXPRESS_ONLY, ...SEMANTIC_ONLY, ...EXPRESS_PAIR });
      expect(others).toEqual([]);
    });

    test("SP-03 has what is recorded by the request, out of its async context", async () => {
      const asked = Promise.withResolvers<InboundExchange>();
      const answer = Promise.withResolvers<void>();
      const experiments = createExperiments({ experiments: REDESIGN });
      const server = await harness.serve({
        mount: [experiments],
        async handler(exchange) {
          asked.resolve(exchange);
          await answer.promise;
          exchange.reply(200, "ok");
        },
      });
      const sent = send(server.port);
      const { request } = await asked.promise;
      experiments.of(request).record("checkout", "express");
      answer.resolve();
      await sent;
      await tracing.serverSpans(1);
      await server.close();
      await experiments.close();
      expect(tagsSoFar(tracing)).toEqual({ server: { ...EXPRESS_ONLY, ...EXPRESS_PAIR }, others: [] });
    });

    test("SP-04 says forced where the wire does, and only true", async () => {
      const forced = await tagsOf(["baggage: experiment.checkout.variant=express,experiment.checkout.forced=1"]);
      expect(forced.server).toEqual({ ...EXPRESS_ONLY, "experiment.checkout.forced": true, ...EXPRESS_PAIR });
      tracing.clear();
      const notForced = await tagsOf(["baggage: experiment.checkout.variant=express,experiment.checkout.forced=0"]);
      expect(notForced.server).toEqual({ ...EXPRESS_ONLY, ...EXPRESS_PAIR });
    });

    test("SP-05 has all assignments, and of several the flat pair of the first by its key", async () => {
      const { server } = await tagsOf([BOTH]);
      expect(server).toEqual({ ...EXPRESS_ONLY, ...SEMANTIC_ONLY, ...EXPRESS_PAIR });
    });

    test("SP-06 has the flat pair of the option primary, and of that one only", async () => {
      const both = await tagsOf([BOTH], undefined, { primary: "search" });
      expect(both.server).toEqual({ ...EXPRESS_ONLY, ...SEMANTIC_ONLY, ...SEMANTIC_PAIR });
      tracing.clear();
      const other = await tagsOf(["baggage: experiment.checkout.variant=express"], undefined, { primary: "search" });
      expect(other.server).toEqual(EXPRESS_ONLY);
      tracing.clear();
      const later = await tagsOf(
        ["baggage: experiment.checkout.variant=express"],
        ({ reply }, experiments) => {
          experiments.record("search", "semantic");
          reply(200, "ok");
        },
        { primary: "search" },
      );
      expect(later.server).toEqual({ ...EXPRESS_ONLY, ...SEMANTIC_ONLY, ...SEMANTIC_PAIR });
    });

    test("SP-07 keeps its flat pair where an earlier key is recorded later", async () => {
      const { server } = await tagsOf(["baggage: experiment.search.variant=semantic"], ({ reply }, experiments) => {
        experiments.record("checkout", "express");
        reply(200, "ok");
      });
      expect(server).toEqual({ ...EXPRESS_ONLY, ...SEMANTIC_ONLY, ...SEMANTIC_PAIR });
    });

    test("SP-08 has an experiment, a variant and an id that the service does not know", async () => {
      const { server } = await tagsOf([
        "baggage: experiment.checkout.variant=from_next_year,experiment.checkout.id=checkout_2027q1",
        "baggage: experiment.pricing.variant=high",
      ]);
      expect(server).toEqual({
        "experiment.checkout.id": "checkout_2027q1",
        "experiment.checkout.variant": "from_next_year",
        "experiment.pricing.variant": "high",
        "experiment.id": "checkout_2027q1",
        "experiment.variant": "from_next_year",
      });
    });

    test("SP-09 has nothing where there is no assignment: without baggage, from a stranger, after bad members", async () => {
      for (const [line, trustInbound] of [
        ["x-no: baggage", true],
        ["baggage: experiment.checkout.variant=express", false],
        ["baggage: experiment.checkout.variant=a b,experiment%2Echeckout.variant=express,experiment.search.id=x", true],
      ] as const) {
        tracing.clear();
        expect({ line, ...(await tagsOf([line], undefined, { trustInbound })) }).toEqual({
          line,
          server: {},
          others: [],
        });
      }
    });

    test("SP-10 is written to no more once the response is over, while the scope lives on", async () => {
      const over = Promise.withResolvers<string | undefined>();
      const { server } = await tagsOf(["baggage: experiment.checkout.variant=express"], (exchange, experiments) => {
        exchange.response.on("close", () => {
          setTimeout(() => {
            experiments.record("search", "semantic");
            over.resolve(experiments.of(exchange.request).variant("search"));
          }, 1);
        });
        exchange.reply(200, "ok");
      });
      expect(await over.promise).toBe("semantic");
      expect(server).toEqual({ ...EXPRESS_ONLY, ...EXPRESS_PAIR });
      expect(tracing.lateWrites()).toEqual([]);
    });

    test("SP-11 has its own request's on a kept-alive connection", async () => {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false });
      const server = await harness.serve({
        mount: [experiments],
        async handler({ request, reply }) {
          await nextTurn();
          if (request.url === "/3") experiments.record("checkout", "control");
          reply(200, "ok");
        },
      });
      const connection = await WireConnection.open(server.port);
      const variants = ["express", undefined, "single_page", undefined, "express"];
      for (const [i, variant] of variants.entries()) {
        const lines = variant === undefined ? [] : [`baggage: experiment.checkout.variant=${variant}`];
        await connection.send({ path: `/${i}`, lines });
        await tracing.serverSpans(i + 1);
      }
      connection.close();
      await server.close();
      await experiments.close();
      const seen = tracing.spans().filter(isServerSpan);
      expect(seen.map(({ attributes }) => attributes["experiment.variant"])).toEqual([
        "express",
        undefined,
        "single_page",
        "control",
        "express",
      ]);
    });

    test("SP-12 has its own of several requests that are under way", async () => {
      const experiments = createExperiments({ trustInbound: true });
      const server = await harness.serve({
        mount: [experiments],
        async handler({ request, reply }) {
          await new Promise((resolve) => setTimeout(resolve, Number(request.url?.slice(1)) % 7));
          experiments.record("search", `s${request.url?.slice(1)}`);
          await nextTurn();
          reply(200, "ok");
        },
      });
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          send(server.port, { path: `/${i}`, lines: [`baggage: experiment.checkout.variant=c${i}`] }),
        ),
      );
      const spans = await tracing.serverSpans(30);
      await server.close();
      await experiments.close();
      for (const { attributes } of spans) {
        const path = String(attributes["url.path"]).slice(1);
        expect(experimentAttributes(attributes)).toEqual({
          "experiment.checkout.variant": `c${path}`,
          "experiment.search.variant": `s${path}`,
          "experiment.variant": `c${path}`,
        });
      }
    });

    test("SP-13 has the assignments of two instances", async () => {
      const shop = createExperiments({ experiments: REDESIGN, trustInbound: true });
      const labs = createExperiments({
        experiments: { colour: { id: "labs_colour_7", variants: ["blue", "red"] } },
        prefix: "labs.",
        trustInbound: true,
      });
      const server = await harness.serve({ mount: [shop, labs], handler: ({ reply }) => reply(200, "ok") });
      await send(server.port, { lines: ["baggage: labs.colour.variant=red,experiment.checkout.variant=express"] });
      await tracing.serverSpans(1);
      await server.close();
      await Promise.all([shop.close(), labs.close()]);
      const { server: tags, others } = tagsSoFar(tracing);
      expect(tags).toMatchObject({
        ...EXPRESS_ONLY,
        "experiment.colour.id": "labs_colour_7",
        "experiment.colour.variant": "red",
      });
      expect(others).toEqual([]);
    });

    test("SP-14 has the variant where the handler fails", async () => {
      const { server, others } = await tagsOf(["baggage: experiment.checkout.variant=express"], () => {
        throw new Error("the handler failed");
      });
      expect(server).toEqual({ ...EXPRESS_ONLY, ...EXPRESS_PAIR });
      expect(others).toEqual([]);
    });

    test("SP-15 leads to the scope where OpenTelemetry's context is all that is left", async () => {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true });
      const contexts: Context[] = [];
      const server = await harness.serve({
        mount: [experiments],
        handler({ reply }) {
          contexts.push(context.active());
          reply(200, "ok");
        },
      });
      await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
      const [kept = ROOT_CONTEXT] = contexts;
      expect(experiments.variant("checkout")).toBeUndefined();
      expect(context.with(kept, () => experiments.variant("checkout"))).toBe(
        replacesContext === true ? undefined : "express",
      );
      await server.close();
      await experiments.close();
    });

    test("SP-16 has the variant where the client aborts", async () => {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true });
      const asked = Promise.withResolvers<void>();
      const over = Promise.withResolvers<void>();
      const server = await harness.serve({
        mount: [experiments],
        handler({ response, reply }) {
          asked.resolve();
          response.on("close", () => {
            reply(200, "too late");
            over.resolve();
          });
        },
      });
      const connection = await WireConnection.open(server.port);
      connection.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nbaggage: experiment.checkout.variant=express\r\n\r\n");
      await asked.promise;
      connection.close();
      await over.promise;
      await tracing.serverSpans(1);
      await server.close();
      await experiments.close();
      const { server: tags } = tagsSoFar(tracing);
      expect(tags).toEqual({ ...EXPRESS_ONLY, ...EXPRESS_PAIR });
    });

    test("SP-17 is not written to once it has ended, though the response may not be over", async () => {
      const over = Promise.withResolvers<void>();
      const experiments = createExperiments({ trustInbound: true });
      const server = await harness.serve({
        mount: [experiments],
        handler({ response, reply }) {
          response.on("finish", () => experiments.record("finish", "v"));
          response.on("close", () => {
            experiments.record("close", "v");
            setImmediate(over.resolve);
          });
          reply(200, "ok");
        },
      });
      await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
      await over.promise;
      await server.close();
      await experiments.close();
      expect(tracing.lateWrites()).toEqual([]);
    });
  });
}

function tagsSoFar(tracing: Tracing): Tagged {
  const spans = tracing.spans();
  const [server, ...more] = spans.filter(isServerSpan);
  if (server === undefined || more.length > 0) throw new Error(`${more.length + 1} SERVER spans instead of one`);
  const others = spans.filter(
    (span) => span !== server && Object.keys(experimentAttributes(span.attributes)).length > 0,
  );
  return { server: experimentAttributes(server.attributes), others: others.map(({ name }) => name) };
}

/** The rows in which there is no server span that records: everything else works. */
export function describeWithoutServerSpan(rows: readonly SpanRow[], tracing?: Tracing): void {
  beforeEach(() => tracing?.clear());
  afterAll(() => tracing?.stop());

  describe.each(rows)("without a recording server span on $harness.name", (row) => {
    const { harness, ...place } = row;

    test("SP-19 there is none, as its row of the table says", async () => {
      expect(await rowOf(harness)).toEqual(place);
    });

    test("SP-20 scopes, variants and propagation work, and no span is tagged", async () => {
      const downstream = await startWireServer(() => ({ body: "ok" }));
      const experiments = createExperiments({
        experiments: REDESIGN,
        trustInbound: true,
        propagateTo: [downstream.origin],
        strict: false,
      });
      const fetchOn = experimentFetch(experiments);
      const closed = Promise.withResolvers<string | undefined>();
      const server = await harness.serve({
        mount: [experiments],
        prepare: "json",
        async handler({ request, response, body, reply }) {
          response.on("close", () => closed.resolve(experiments.variant("checkout")));
          experiments.record("search", "semantic");
          await nextTurn();
          const answer = await fetchOn(downstream.origin);
          await answer.text();
          const scope = experiments.of(request);
          const inScope = scope === experiments.current();
          reply(200, `${inScope} ${scope.assignments.map(({ variant }) => variant).join(" ")} ${JSON.stringify(body)}`);
        },
      });
      try {
        const { status, body } = await send(server.port, {
          method: "POST",
          body: '{"a":1}',
          lines: ["content-type: application/json", "baggage: user=1,experiment.checkout.variant=express"],
        });
        expect([status, body]).toEqual([200, 'true express semantic {"a":1}']);
        expect(await closed.promise).toBe("express");
        const lines = downstream.baggage().flat();
        expect(lines).toHaveLength(1);
        expect(lines[0]?.split(",").filter((member) => member.startsWith("experiment."))).toEqual([
          "experiment.checkout.variant=express",
          "experiment.checkout.id=checkout_redesign_2026q1",
          "experiment.search.variant=semantic",
          "experiment.search.id=search_ranking_2026q1",
        ]);
      } finally {
        await server.close();
        await experiments.close();
        await downstream.close();
      }
      const tagged = tracing?.spans().filter(({ attributes }) => Object.keys(experimentAttributes(attributes)).length);
      expect(tagged?.map(({ name }) => name) ?? []).toEqual([]);
    });

    test("SP-21 requests on one connection and on several keep their own variant", async () => {
      const experiments = createExperiments({ trustInbound: true });
      const server = await harness.serve({
        mount: [experiments],
        async handler({ reply }) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          reply(200, experiments.variant("checkout") ?? "none");
        },
      });
      const bodies = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const connection = await WireConnection.open(server.port);
          const own = await connection.send({ lines: [`baggage: experiment.checkout.variant=c${i}`] });
          const none = await connection.send();
          connection.close();
          return [own.body, none.body];
        }),
      );
      await server.close();
      await experiments.close();
      expect(bodies).toEqual(Array.from({ length: 10 }, (_, i) => [`c${i}`, "none"]));
    });
  });
}
