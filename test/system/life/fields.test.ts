import { type Attributes, propagation, trace } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { boolean, type Fields, integer, list, oneOf, text } from "otel-experiments/fields";
import { ExperimentLogRecordProcessor, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import type { PointReader } from "../../support/points.ts";
import { startPoints } from "../../support/points.ts";
import { isServerSpan, startTracing } from "../../support/tracing.ts";
import { type Checkout, startChain } from "./chain.ts";

// Fields over two services on each framework, with a real SDK, its propagator and its instrumentations.

const fields: Fields = {
  user_tier: oneOf("free", "premium").on("span", "log", "metric"),
  is_premium: boolean().on("metric"),
  item_count: integer({ min: 0, max: 999 }).on("span").mutable(),
  features: list({ maxItems: 3 }).on("span", "log"),
  region: text({ pattern: /[a-z]{2}-[a-z]+-\d/ }),
};
const ALL = { edge: { fields }, backend: { fields } } as const;

const records = new InMemoryLogRecordExporter();
const logger = new LoggerProvider({
  processors: [new ExperimentLogRecordProcessor(), new SimpleLogRecordProcessor({ exporter: records })],
}).getLogger("shop");
const tracing = startTracing([new HttpInstrumentation(), new UndiciInstrumentation()], undefined, [
  new ExperimentSpanProcessor(),
]);
const harnesses = newestHarnesses();
let reader: PointReader;

beforeEach(() => {
  tracing.clear();
  records.reset();
  reader = startPoints();
});
afterAll(() => tracing.stop());

function setAll({ fields: request }: Checkout): void {
  request.set("user_tier", "premium");
  request.set("is_premium", true);
  request.set("item_count", 3);
  request.set("features", ["wish|list", "gift wrap"]);
  request.set("region", "eu-west-1");
}

const valuesOf = ({ fields: request }: Checkout): readonly unknown[] =>
  Object.keys(fields).map((name) => request.get(name));

const ours = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => name in fields));

function rejections(): Promise<Readonly<Record<string, number>>> {
  return reader.sums("experiment.baggage.rejections", "reason");
}

describe.each(harnesses)("on $name", (harness) => {
  test("FLF-01 what the edge sets is read behind it with its type, and stands on the wire for any language", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: setAll,
      atBackend(experiments, { request }) {
        seen.push(valuesOf(experiments), request.headers["baggage"]);
        // What OpenTelemetry's propagator read has gone from its context: the scope alone passes fields on.
        seen.push(propagation.getActiveBaggage()?.getAllEntries().length ?? 0);
      },
    });
    expect((await chain.visit()).status).toBe(200);
    expect(seen).toEqual([
      ["premium", true, 3, ["wish|list", "gift wrap"], "eu-west-1"],
      "user_tier=premium,is_premium=true,item_count=3,features=wish%257Clist|gift%20wrap,region=eu-west-1",
      0,
    ]);
  });

  test("FLF-02 they go where they say: native types on spans and logs, and only closed ones on measurements", async () => {
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: setAll,
      atBackend(experiments) {
        trace.getTracer("shop").startSpan("pricing").end();
        const given = { user_tier: "mine" };
        trace.getTracer("shop").startSpan("own", { attributes: given }).end();
        logger.emit({ body: "priced" });
        logger.emit({ body: "own", attributes: given });
        const orders = experiments.meter("shop").createCounter("orders");
        orders.add(1);
        orders.add(1, given);
        experiments.meter("shop", { attribution: "each" }).createHistogram("worth").record(1);
      },
    });
    await chain.visit();
    const onSpans = { user_tier: "premium", item_count: 3, features: ["wish|list", "gift wrap"] };
    for (const span of await tracing.serverSpans(2)) expect(ours(span.attributes)).toEqual(onSpans);
    const spanOf = (name: string): Attributes =>
      ours(tracing.spans().find((span) => span.name === name)?.attributes ?? {});
    expect(spanOf("pricing")).toEqual(onSpans);
    expect(spanOf("own")).toEqual({ ...onSpans, user_tier: "mine" });
    const client = tracing.spans().filter((span) => !isServerSpan(span) && span.attributes["url.full"] !== undefined);
    expect(client.map(({ attributes }) => ours(attributes))).toEqual([onSpans]);
    const { item_count: _, ...onLogs } = onSpans;
    const logged = records.getFinishedLogRecords().map(({ body, attributes }) => [body, attributes]);
    expect(logged).toEqual([
      ["priced", { ...onLogs }],
      ["own", { ...onLogs, user_tier: "mine" }],
    ]);
    const measured = { user_tier: "premium", is_premium: true, "experiment.variant": "none" };
    expect((await reader.points("orders")).map(({ attributes }) => attributes)).toEqual([
      measured,
      { ...measured, user_tier: "mine" },
    ]);
    expect((await reader.points("worth")).map(({ attributes }) => attributes)).toEqual([measured]);
    expect(tracing.lateWrites()).toEqual([]);
  });

  test("FLF-03 a service behind may change what is mutable, and nothing else", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: setAll,
      atBackend({ fields: request }) {
        seen.push(request.set("user_tier", "free"), request.set("item_count", 4), request.set("region", "eu-west-1"));
        seen.push(request.get("user_tier"), request.get("item_count"));
      },
    });
    await chain.visit();
    expect(seen).toEqual([false, true, true, "premium", 4]);
    const spans = await tracing.serverSpans(2);
    const counts = spans.map(({ attributes }) => [attributes["url.path"], attributes["item_count"]]);
    expect(Object.fromEntries(counts)).toEqual({ "/": 3, "/behind": 4 });
  });

  test("FLF-04 a stranger's count for nothing at the edge, in no spelling, and do not come out behind it", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: (experiments) => void seen.push(valuesOf(experiments)),
      atBackend(experiments, { request }) {
        seen.push(valuesOf(experiments), String(request.headers["baggage"] ?? ""));
      },
    });
    await chain.visit([
      "baggage: user_tier=premium,item_count=3;ttl=1, region = eu-west-1,tenant=7,user%5Ftier=premium,%69s_premium=true",
    ]);
    const none = [undefined, undefined, undefined, undefined, undefined];
    const [atEdge, atBackend, wire] = seen;
    expect([atEdge, atBackend]).toEqual([none, none]);
    // Somebody else's member is carried by OpenTelemetry's instrumentations.
    expect(wire).toBe("tenant=7");
    expect(await rejections()).toEqual({ untrusted: 3, encoded_key: 2 });
    for (const span of await tracing.serverSpans(2)) expect(ours(span.attributes)).toEqual({});
  });

  test("FLF-05 a trusted caller's that break their declaration, or look like secrets, end at the first service", async () => {
    const seen: unknown[] = [];
    const loose: Fields = { ...fields, region: text() };
    await using chain = await startChain(harness, {
      edge: { fields: loose, trustInbound: true },
      backend: { fields },
      atEdge: (experiments) => void seen.push(valuesOf(experiments)),
      atBackend: (experiments, { request }) => void seen.push(valuesOf(experiments), request.headers["baggage"]),
    });
    await chain.visit([
      "baggage: user_tier=gold,item_count=1000,region=ada%40example.org,features=a,features=b,is_premium=true",
    ]);
    const left = [undefined, true, undefined, ["a"], undefined];
    expect(seen).toEqual([left, left, "is_premium=true,features=a"]);
    expect(await rejections()).toEqual({ malformed: 2, sensitive: 1, duplicate: 1 });
  });

  test("FLF-06 to a destination that is not allowed nothing of them leaves", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      edge: { fields, propagateTo: ["https://*.shop.internal"] },
      backend: { fields },
      atEdge: setAll,
      atBackend: (_, { request }) =>
        void seen.push(
          headerValues(
            request.rawHeaders.map((part, i, all) => `${part}: ${all[i + 1]}`),
            "baggage",
          ),
        ),
    });
    await chain.visit(["baggage: tenant=7,user_tier=free"]);
    expect(seen).toEqual([["tenant=7"]]);
  });

  test("FLF-07 interleaved requests have their own", async () => {
    const wrong: unknown[] = [];
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: async ({ fields: request }, { request: { url } }) => {
        request.set("item_count", Number(url?.slice(1)));
        await new Promise((resolve) => setImmediate(resolve));
      },
      atBackend: async ({ fields: request }, exchange) => {
        const before = request.get("item_count");
        await new Promise((resolve) => setImmediate(resolve));
        const line = exchange.request.headers["baggage"];
        if (request.get("item_count") !== before || line !== `item_count=${String(before)}`) wrong.push([before, line]);
        counts.add(before);
      },
    });
    const counts = new Set<unknown>();
    await Promise.all(Array.from({ length: 40 }, (_, i) => chain.visit([], `/${i}`)));
    expect(wrong).toEqual([]);
    expect(counts.size).toBe(40);
  });

  test("FLF-08 are found by the request where async context is gone, and stay off a span that has ended", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      ...ALL,
      atEdge: setAll,
      async atBackend(experiments, { request, response }) {
        response.once("close", () => {
          setImmediate(() => {
            const scope = experiments.of(request);
            seen.push(scope.fields.get("user_tier"), scope.fields.set("item_count", 9));
          });
        });
      },
    });
    await chain.visit();
    await tracing.serverSpans(2);
    await expect.poll(() => seen).toEqual(["premium", true]);
    expect(tracing.lateWrites()).toEqual([]);
    const behind = tracing.spans().find(({ attributes }) => attributes["url.path"] === "/behind");
    expect(behind?.attributes["item_count"]).toBe(3);
  });
});
