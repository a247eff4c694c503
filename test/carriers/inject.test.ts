import { Metadata } from "@grpc/grpc-js";
import { metrics } from "@opentelemetry/api";
import type { MessagePropertyHeaders } from "amqplib";
import type { IHeaders } from "kafkajs";
import { type Experiments, type ExperimentsOptions, ExperimentUsageError, type PropagateTo } from "otel-experiments";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { type DiagLog, recordDiag } from "../support/diag.ts";
import { createOpen } from "../support/experiments.ts";
import { hidingForms } from "../support/hiding-keys.ts";
import { openRequest } from "../support/opened-request.ts";
import { startPoints } from "../support/points.ts";
import { throughAmqp, throughKafka } from "./wire-formats.ts";

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const TO = { to: "queue:orders" };

let log: DiagLog;
let now = 0;

beforeEach(() => {
  now += 600_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  log = recordDiag();
});

afterEach(() => void vi.restoreAllMocks());

function create(options: ExperimentsOptions = {}): Experiments {
  const propagateTo: PropagateTo = [
    "queue:orders",
    "https://*.shop.internal",
    (url) => url.hostname === "asked.example",
  ];
  return createOpen({ propagateTo, strict: true, ...options });
}

/** Runs a function in a request that has the variant `express`. */
function inRequest<T>(experiments: Experiments, fn: () => T): T {
  return openRequest(experiments).run(() => {
    experiments.record("checkout", "express");
    return fn();
  });
}

/** A plain object of headers, filled in a request. */
function filled(headers: IHeaders, to: string | URL = TO.to, experiments = create()): IHeaders {
  return inRequest(experiments, () => experiments.inject(headers, { to }));
}

describe("inject", () => {
  test("INJ-01 fills the object that it is given, and returns it", () => {
    const experiments = create();
    const headers: IHeaders = { key: "value" };
    const result = inRequest(experiments, () => experiments.inject(headers, TO));
    expect(result).toBe(headers);
    expect(headers).toEqual({ key: "value", baggage: OWN });
    expectTypeOf(result).toEqualTypeOf<IHeaders>();
    const published: MessagePropertyHeaders = inRequest(experiments, () => experiments.inject({}, TO));
    expect(published).toEqual({ baggage: OWN });
  });

  test("INJ-02 changes nothing where there is nothing to pass on and nothing to take out", () => {
    const experiments = create();
    const headers = Object.freeze({ baggage: Buffer.from("user=1") });
    expect(experiments.inject(headers, TO)).toBe(headers);
    expect(openRequest(experiments).run(() => experiments.inject({}, TO))).toEqual({});
    expect(log.take()).toEqual([]);
  });

  test("INJ-03 twice is as once", () => {
    const experiments = create();
    const headers: IHeaders = { baggage: "user=1" };
    inRequest(experiments, () => experiments.inject(experiments.inject(headers, TO), TO));
    expect(headers).toEqual({ baggage: `user=1,${OWN}` });
  });

  test.each<{ form: string; headers: IHeaders }>([
    { form: "text", headers: { baggage: "user=1;p=%20, tenant = a%2Cb" } },
    { form: "bytes", headers: { baggage: Buffer.from("user=1;p=%20, tenant = a%2Cb") } },
    { form: "a list of texts", headers: { baggage: ["user=1;p=%20", " tenant = a%2Cb"] } },
    { form: "a list of bytes and text", headers: { baggage: [Buffer.from("user=1;p=%20"), " tenant = a%2Cb"] } },
    { form: "another case", headers: { Baggage: "user=1;p=%20, tenant = a%2Cb" } },
    { form: "two cases", headers: { BAGGAGE: "user=1;p=%20", baggage: Buffer.from(" tenant = a%2Cb") } },
  ])("INJ-04 keeps the others' members byte for byte, in one entry: $form", ({ headers }) => {
    filled(headers);
    expect(Object.keys(headers)).toEqual(["baggage"]);
    const members = String(headers["baggage"]).split(",");
    expect(members.slice(0, 2).sort()).toEqual([" tenant = a%2Cb", "user=1;p=%20"]);
    expect(members.slice(2).join(",")).toBe(OWN);
  });

  test("INJ-05 keeps bytes that are no ASCII and no UTF-8, and text that is no ASCII", () => {
    const bytes = Buffer.from([0x75, 0x3d, 0xff, 0xe9, 0x80]);
    expect(filled({ baggage: bytes })["baggage"]).toEqual(Buffer.concat([bytes, Buffer.from(`,${OWN}`)]));
    expect(filled({ baggage: "u=日本" })["baggage"]).toBe(`u=日本,${OWN}`);
    const both = filled({ baggage: ["u=é", bytes] })["baggage"];
    expect(both).toEqual(Buffer.concat([Buffer.from("u=é,"), bytes, Buffer.from(`,${OWN}`)]));
  });

  test("INJ-06 takes a member out that would break a header, alone", () => {
    expect(filled({ baggage: "a=1,evil=1\r\nset-cookie: x,b=\u0000,c=3" })["baggage"]).toBe(`a=1,c=3,${OWN}`);
  });

  test("INJ-07 puts the scope's members in the place of those that stood there, encoded ones too", () => {
    const headers = { baggage: `experiment.checkout.variant=control,user=1,experiment%2Esearch.variant=semantic` };
    expect(filled(headers)["baggage"]).toBe(`user=1,${OWN}`);
    for (const key of hidingForms("experiment.checkout.variant")) {
      expect(filled({ baggage: `${key}=evil,user=1` })["baggage"]).toBe(`user=1,${OWN}`);
    }
  });

  test("INJ-08 fits ours into 8192 bytes, and leaves theirs alone", () => {
    const foreign = `f=${"x".repeat(8192 - 2)}`;
    expect(filled({ baggage: foreign })["baggage"]).toBe(foreign);
    const room = `f=${"x".repeat(8192 - 2 - OWN.length - 1)}`;
    expect(filled({ baggage: room })["baggage"]).toBe(`${room},${OWN}`);
  });

  test("INJ-09 fills what has get and set: Map, Headers, gRPC's Metadata", () => {
    const experiments = create();
    inRequest(experiments, () => {
      const map = experiments.inject(new Map<string, string | Buffer>([["Baggage", Buffer.from("user=1")]]), TO);
      expect([...map]).toEqual([["baggage", `user=1,${OWN}`]]);
      const headers = experiments.inject(new Headers({ Baggage: "user=1" }), TO);
      expect([...headers]).toEqual([["baggage", `user=1,${OWN}`]]);
      const metadata = new Metadata();
      metadata.add("baggage", "user=1");
      metadata.add("baggage", "tenant=2");
      expect(experiments.inject(metadata, TO).get("baggage")).toEqual([`user=1,tenant=2,${OWN}`]);
      // A header may be called "get".
      expect(experiments.inject({ get: "x", set: "y" }, TO)).toEqual({ get: "x", set: "y", baggage: OWN });
    });
    const cleaned = new Metadata();
    cleaned.set("baggage", OWN);
    expect(experiments.inject(cleaned, TO).getMap()).toEqual({});
    expect([...experiments.inject(new Headers({ baggage: OWN }), TO)]).toEqual([]);
  });

  test("INJ-10 does not take what an object inherits for a message's", () => {
    const headers: IHeaders = Object.create({ baggage: "inherited=1" });
    expect(filled(headers)["baggage"]).toBe(OWN);
  });

  test("INJ-11 writes what kafkajs and amqplib send, and another consumer reads", () => {
    expect(throughKafka(filled({ baggage: "user=1" }))["baggage"]).toEqual(Buffer.from(`user=1,${OWN}`));
    expect(throughAmqp(filled({ baggage: "user=1" }))["baggage"]).toBe(`user=1,${OWN}`);
    // A message that is passed on has the forms that it came in.
    expect(String(throughKafka(filled(throughKafka({ baggage: ["a=1", "b=2"] })))["baggage"])).toBe(`a=1,b=2,${OWN}`);
    // kafkajs cannot encode a header without a value, so that none may be left behind.
    expect(throughKafka(filled({ baggage: OWN, other: "x" }, "queue:elsewhere"))).toEqual({ other: Buffer.from("x") });
  });

  test("INJ-12 counts the bytes of ours that leave, and the members that have no room", async () => {
    const reader = startPoints();
    filled({});
    filled({}, "queue:elsewhere");
    filled({ baggage: `f=${"x".repeat(8000)},g=${"y".repeat(180)}` });
    const sizes = await reader.points("experiment.baggage.size");
    expect(sizes).toEqual([{ attributes: {}, value: OWN.length, count: 1 }]);
    const rejections = await reader.points("experiment.baggage.rejections");
    expect(rejections).toEqual([{ attributes: { reason: "over_limit" }, value: 2, count: 1 }]);
    metrics.disable();
  });

  test("INJ-13 is explained beforehand", () => {
    const experiments = create();
    expect(experiments.explain("queue:orders")).toEqual({ allowed: true, reason: "propagateTo names queue:orders" });
    expect(experiments.explain("queue:others")).toEqual({
      allowed: false,
      reason: "propagateTo does not name queue:others",
    });
  });
});

describe("a destination", () => {
  test.each([
    "queue:order",
    "queue:orders2",
    "queue:Orders",
    "queue:orders/",
    "queue:orders%20",
    "https://shop.internal",
    "http://a.shop.internal",
    "https://a.b.shop.internal",
    "https://a.shop.internal@evil.example",
    "https://evil.example/queue:orders",
    "wss://a.shop.internal",
    "orders://queue",
  ])("INJ-20 that is not named gets nothing of ours, and loses what is: %s", (to) => {
    const experiments = create();
    const headers = filled({ baggage: `${OWN},user=1,experiment%2Esearch.variant=x`, other: "y" }, to, experiments);
    expect(headers).toEqual({ baggage: "user=1", other: "y" });
    expect(filled({ Baggage: OWN }, to, experiments)).toEqual({});
    expect(filled({}, to, experiments)).toEqual({});
  });

  test.each([
    "https://user:pass@a.shop.internal/",
    "https://user@a.shop.internal",
    new URL("https://user:pass@a.shop.internal/"),
    "blob:https://a.shop.internal/5b5a",
    "blob:https://a.shop.internal",
  ])("INJ-25 that only has the origin of one that is named gets nothing of ours: %s", (to) => {
    const experiments = create({ propagateTo: ["https://a.shop.internal"] });
    expect(filled({ baggage: "user=1" }, to, experiments)).toEqual({ baggage: "user=1" });
    expect(experiments.explain(to).allowed).toBe(false);
  });

  test.each([
    "queue:orders",
    "https://a.shop.internal",
    "https://a.shop.internal/path?query",
    new URL("https://a.shop.internal/path"),
    "http://asked.example/",
  ])("INJ-21 that is named gets what the request has: %s", (to) => {
    expect(filled({}, to)).toEqual({ baggage: OWN });
  });

  test("INJ-22 that is not named is spoken of once", () => {
    const experiments = create();
    filled({}, "queue:elsewhere", experiments);
    expect(log.take()).toEqual([]); // at the level of what is as it should be
    expect(experiments.explain("queue:elsewhere").allowed).toBe(false);
  });

  test("INJ-23 outside a request gets nothing, and own members that stand there go", () => {
    const experiments = create();
    expect(experiments.inject({ baggage: `user=1,${OWN}` }, TO)).toEqual({ baggage: "user=1" });
  });

  test("INJ-24 that is not named loses the others' members too where they may go only where ours may", () => {
    const experiments = create({ foreignBaggage: "allowed-only" });
    expect(filled({ baggage: "user=1" }, "queue:elsewhere", experiments)).toEqual({});
    expect(filled({ baggage: "user=1" }, "queue:orders", experiments)).toEqual({ baggage: `user=1,${OWN}` });
  });
});

describe("several instances", () => {
  test("INJ-30 write together, each where its own destinations allow it", () => {
    const shop = create();
    const engine = create({ propagateTo: ["queue:elsewhere", "queue:orders"] });
    shop.run({}, () => {
      shop.record("checkout", "express");
      engine.run({}, () => {
        engine.record("search", "semantic");
        expect(shop.inject({}, TO)).toEqual({
          baggage: `experiment.search.variant=semantic,experiment.search.id=search_1,${OWN}`,
        });
        expect(engine.inject({}, { to: "queue:elsewhere" })).toEqual({
          baggage: "experiment.search.variant=semantic,experiment.search.id=search_1",
        });
        // Another message, which is of this instance alone.
        shop.run({}, () => expect(shop.inject({}, TO)).toEqual({}));
      });
    });
  });

  test("INJ-31 take out what any of them calls its own", () => {
    create({ prefix: "exp." });
    expect(filled({ baggage: "exp.checkout.variant=control,user=1" })["baggage"]).toBe(`user=1,${OWN}`);
  });

  test("INJ-32 write nothing once they are closed, and still take out", async () => {
    const experiments = create();
    const { run } = openRequest(experiments);
    run(() => experiments.record("checkout", "express"));
    await experiments.close();
    expect(run(() => experiments.inject({ baggage: `user=1,${OWN}` }, TO))).toEqual({ baggage: "user=1" });
  });
});

describe("what goes wrong", () => {
  /** What JavaScript gives in the place of an option. */
  function wrong(value: unknown): never {
    return value as never; // why: it is none, and that must not matter
  }

  test.each([
    { title: "no options", options: undefined },
    { title: "no destination", options: {} },
    { title: "a misspelt one", options: { too: "queue:orders" } },
    { title: "a name without its kind", options: { to: "orders" } },
    { title: "a queue without a name", options: { to: "queue:" } },
    { title: "a queue with a space", options: { to: "queue:a b" } },
    { title: "a number", options: { to: 7 } },
  ])("INJ-40 is said of a destination in strict mode, and elsewhere nothing is written: $title", ({ options }) => {
    const strict = create();
    const attempt = () => inRequest(strict, () => strict.inject({}, wrong(options)));
    expect(attempt).toThrow(ExperimentUsageError);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_DESTINATION" }));
    const lenient = create({ strict: false });
    const headers = { baggage: `user=1,${OWN}` };
    expect(inRequest(lenient, () => lenient.inject(headers, wrong(options)))).toEqual({ baggage: "user=1" });
    expect(log.take()).toEqual([expect.stringContaining("names no destination")]);
  });

  test.each([undefined, null, "text", 7, [], ["baggage", "user=1"]].map((carrier) => ({ carrier })))(
    "INJ-41 is said of a carrier in strict mode, and elsewhere it is given back: $carrier",
    ({ carrier }) => {
      const strict = create();
      const attempt = () => inRequest(strict, () => strict.inject(wrong(carrier), TO));
      expect(attempt).toThrow(expect.objectContaining({ code: "ERR_CARRIER" }));
      const lenient = create({ strict: false });
      expect(inRequest(lenient, () => lenient.inject(wrong(carrier), TO))).toBe(carrier);
      expect(log.take()).toEqual([expect.stringContaining("has no carrier")]);
    },
  );

  const hostile: readonly { title: string; carrier: object }[] = [
    { title: "frozen", carrier: Object.freeze({ baggage: "user=1" }) },
    {
      title: "with a setter that throws",
      carrier: Object.defineProperty({}, "baggage", {
        enumerable: true,
        get: () => "user=1",
        set() {
          throw new Error("read only");
        },
      }),
    },
    {
      title: "with calls that throw",
      carrier: {
        get() {
          throw new Error("get");
        },
        set() {
          throw new Error("set");
        },
      },
    },
    { title: "revoked", carrier: revoked() },
  ];

  function revoked(): object {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }

  test.each(hostile)("INJ-42 with a carrier goes to diag, and it is given back: $title", ({ carrier }) => {
    const experiments = create();
    expect(inRequest(experiments, () => experiments.inject(carrier, TO) === carrier)).toBe(true);
    expect(log.take()).toEqual(["warn: otel-experiments: a carrier could not be filled"]);
  });

  test("INJ-43 a value that is neither text nor bytes is none", () => {
    expect(filled(wrong({ baggage: 7 }))["baggage"]).toBe(OWN);
    expect(filled(wrong({ baggage: [["user=1"], null, "tenant=2"] }))["baggage"]).toBe(`tenant=2,${OWN}`);
  });

  test("INJ-44 a million bytes, lone surrogates and strange keys are no trouble", () => {
    const headers = { baggage: `${"x=1,".repeat(262_144)}last=\ud800,__proto__=1,constructor=2`, ["__proto__"]: "a" };
    const started = process.cpuUsage();
    const { baggage } = filled(headers);
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
    expect(String(baggage)).toContain("__proto__=1,constructor=2");
    expect(String(baggage)).not.toContain("experiment.");
  });
});
