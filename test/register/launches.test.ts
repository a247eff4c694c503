import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { LAUNCHES } from "./launches.ts";
import { type EndedShop, exportTo, type InstalledShop, installShop, ShopProcess } from "./shop-process.ts";
import { type Received, startTelemetryReceiver, type TelemetryReceiver } from "./telemetry-receiver.ts";

// The shop's own code sets nothing of OpenTelemetry up: what is asked here, register has done.

const EXPRESS = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const CONTROL = { "experiment.id": "checkout_1", "experiment.variant": "control" };
const NONE = { "experiment.variant": "none" };
const EXPRESS_MEMBERS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const CONTROL_MEMBERS = "experiment.checkout.variant=control,experiment.checkout.id=checkout_1";
/** OTLP's numbers of the kinds. */
const [SERVER, CLIENT] = [2, 3];

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
    await send(process.port, { path: "/order?assign=express" });
    await send(process.port, { path: "/order", lines: [`baggage: foreign=1,${CONTROL_MEMBERS}`] });
    await send(process.port, { path: "/order" });
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
    const clients = ["fetch", "wrapped", "http"];
    const [express, control] = [EXPRESS_MEMBERS, CONTROL_MEMBERS].map((members) => clients.map(() => [members]));
    expect(allowed.requests.map(({ start }) => start.split(" ")[1])).toEqual(
      [1, 2, 3].flatMap(() => clients.map((client) => `/${client}`)),
    );
    expect(allowed.baggage()).toEqual([
      ...(express ?? []),
      ...(control ?? []).map(([members]) => [`foreign=1,${members}`]),
      [],
      [],
      [],
    ]);
    expect(refused.baggage()).toEqual([[], [], [], ["foreign=1"], ["foreign=1"], ["foreign=1"], [], [], []]);
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
