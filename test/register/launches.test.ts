import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send, type WireRequest } from "../../testing/wire/client.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { LAUNCHES } from "./launches.ts";
import { type EndedShop, exportTo, type InstalledShop, installShop, ShopProcess } from "./shop-process.ts";
import { type Received, startTelemetryReceiver, type TelemetryReceiver } from "./telemetry-receiver.ts";

// The shop's own code sets nothing of OpenTelemetry up: what is asked here, register has done.

const EXPRESS = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const CONTROL = { "experiment.id": "checkout_1", "experiment.variant": "control" };
const NONE = { "experiment.variant": "none" };
const EXPRESS_MEMBERS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
/** OpenTelemetry's own propagator decodes it. */
const LAUNDERED = "experiment%2Esearch.variant=semantic";
const CONTROL_MEMBERS = "experiment.checkout.variant=control,experiment.checkout.id=checkout_1";
/** OTLP's numbers of the kinds. */
const [SERVER, CLIENT] = [2, 3];

/** What the shop says of an order. */
interface Answer {
  readonly variant: string | null;
  /** What OpenTelemetry's propagator made of one that had `carrier=1`. */
  readonly carrier: { readonly baggage: string; readonly traceparent: string };
}

let shop: InstalledShop;

beforeAll(async () => {
  shop = await installShop();
});

afterAll(() => shop[Symbol.asyncDispose]());

describe.each(LAUNCHES)("$title:", (launch) => {
  let receiver: TelemetryReceiver;
  let allowed: WireServer;
  let refused: WireServer;
  let process: ShopProcess | undefined;
  let ended: EndedShop;
  const answers: Answer[] = [];

  beforeAll(async () => {
    [receiver, allowed, refused] = await Promise.all([startTelemetryReceiver(), startWireServer(), startWireServer()]);
    process = await ShopProcess.start(shop.directory, {
      ...launch,
      environment: {
        ...exportTo(receiver),
        DOWNSTREAM_ALLOWED: allowed.origin,
        DOWNSTREAM_REFUSED: refused.origin,
        OTEL_EXPERIMENTS_INSTRUMENTS: "orders.placed",
        OTEL_EXPERIMENTS_OUTGOING: "true",
      },
    });
    const orders: readonly WireRequest[] = [
      { path: "/order?assign=express" },
      { path: "/order", lines: [`baggage: foreign=1,${LAUNDERED},${CONTROL_MEMBERS}`] },
      { path: "/order" },
    ];
    for (const order of orders) {
      // why: what the shop answers
      answers.push(JSON.parse((await send(process.port, order)).body) as Answer);
    }
    ended = await process.end();
  });

  afterAll(async () => {
    process?.kill();
    receiver.close();
    await Promise.all([allowed.close(), refused.close()]);
  });

  /** Experiments' attributes of what has a name, a list for each request in order; without repetitions. */
  const pairs = (items: readonly Received[], isOne: (item: Received) => boolean): readonly object[][] => {
    const traces = receiver.spans.filter(({ kind }) => kind === SERVER).map(({ traceId }) => traceId);
    return traces.map((trace) => {
      const found = items
        .filter((item) => item.traceId === trace && isOne(item))
        .map(({ attributes }) => ours(attributes));
      return found.filter((one, i) => found.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === i);
    });
  };

  test("REG-10 the process ends by itself, in order, and nothing is said", () => {
    expect(ended.code).toBe(0);
    expect(ended.stderr).toBe("");
  });

  test("REG-11 a child span has its request's flat pair, also one that was open when the variant was assigned", () => {
    for (const name of ["early", "active", "request handler - /order"]) {
      expect(pairs(receiver.spans, (span) => span.name === name)).toEqual([[EXPRESS], [CONTROL], [{}]]);
    }
  });

  test("REG-12 what the user set on a span stands", () => {
    expect(pairs(receiver.spans, (span) => span.name === "tagged")).toEqual([
      [{ "experiment.variant": "of the user" }],
      [{ "experiment.variant": "of the user" }],
      [{ "experiment.variant": "of the user" }],
    ]);
    expect(receiver.spans.filter(({ name }) => name === "active").map(({ attributes }) => attributes["user"])).toEqual(
      Array(3).fill("attribute"),
    );
  });

  test("REG-17 every client passes the variant on in one line, and to no destination that is not named", () => {
    const paths = allowed.requests.map(({ start }) => start.split(" ")[1]);
    expect(paths).toEqual([1, 2, 3].flatMap(() => ["/fetch", "/wrapped", "/http"]));
    const inAll = (own: string, foreign: string): readonly string[][] => {
      // Where this Node does not show where a request of node:http really goes, it carries nothing of ours.
      const all = own === "" ? foreign : `${foreign},${own}`;
      return [[all], [all], [SHOWS_DESTINATION ? all : foreign]];
    };
    expect(allowed.baggage()).toEqual([
      ...inAll(EXPRESS_MEMBERS, "caller=1"),
      ...inAll(CONTROL_MEMBERS, "caller=1,foreign=1"),
      ...inAll("", "caller=1"),
    ]);
    expect(refused.baggage()).toEqual([
      ...inAll("", "caller=1"),
      ...inAll("", "caller=1,foreign=1"),
      ...inAll("", "caller=1"),
    ]);
  });

  test("REG-18 a carrier whose destination is not known keeps its own baggage, and gets nothing of ours", () => {
    expect(answers.map(({ variant }) => variant)).toEqual(["express", "control", null]);
    expect(answers.map(({ carrier }) => carrier.baggage)).toEqual(["carrier=1", "carrier=1,foreign=1", "carrier=1"]);
    const traces = receiver.spans.filter(({ kind }) => kind === SERVER).map(({ traceId }) => traceId);
    expect(answers.map(({ carrier }) => carrier.traceparent.split("-")[1])).toEqual(traces);
  });

  test.each(["fetch", "wrapped", "http"])("REG-13 the CLIENT span of %s has its request's flat pair", (client) => {
    const isOfClient = ({ kind, attributes }: Received): boolean =>
      kind === CLIENT && String(attributes["url.full"]).endsWith(`/${client}`);
    expect(pairs(receiver.spans, isOfClient)).toEqual([[EXPRESS], [CONTROL], [{}]]);
  });

  test("REG-14 a log record of pino has its request's flat pair and its trace, and an event what it has itself", () => {
    expect(pairs(receiver.logs, ({ name }) => name === "an order")).toEqual([[EXPRESS], [CONTROL], [{}]]);
    expect(receiver.logs.filter(({ name }) => name === "an order")).toHaveLength(3);
    expect(receiver.logs.filter(({ name }) => name === "feature_flag.evaluation")).toMatchObject([
      { attributes: { "feature_flag.key": "checkout", "feature_flag.result.variant": "express" } },
    ]);
  });

  test.each(["http.server.request.duration", "orders.placed"])(
    "REG-15 %s is measured with the flat pair, once",
    (name) => {
      const points = receiver.points.filter((point) => point.name === name);
      const measured = points.map(({ count, attributes }) => ({ count, ...ours(attributes) }));
      expect(measured.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual([
        { count: 1, ...CONTROL },
        { count: 1, ...EXPRESS },
        { count: 1, ...NONE },
      ]);
    },
  );

  test("REG-16 an instrument that is not named is left alone, and so is the duration of clients", () => {
    const values = receiver.points.filter(({ name }) => name === "cart.value");
    expect(values.map(({ count, attributes }) => ({ count, ...ours(attributes) }))).toEqual([{ count: 3 }]);
    const durations = receiver.points.filter(({ name }) => name === "http.client.request.duration");
    expect(durations.length).toBeGreaterThan(0);
    expect(durations.map(({ attributes }) => ours(attributes))).toEqual(durations.map(() => ({})));
  });
});

function ours(attributes: Received["attributes"]): object {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => /^experiment\.(id|variant)$/.test(name)));
}
