import http from "node:http";
import { DiagLogLevel, diag, metrics } from "@opentelemetry/api";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import { createExperiments, type ExperimentsOptions } from "otel-experiments";
import { inbound, TEST_HEADER } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { integer, oneOf, text } from "otel-experiments/fields";
import { honoExperiments } from "otel-experiments/hono";
import { nodeExperiments } from "otel-experiments/node";
import { testHeaders } from "otel-experiments/testing";
import supertest from "supertest";
import { Agent as Agent8, fetch as fetch8, request as request8 } from "undici";
import { request as request6 } from "undici-6";
import { request as request7 } from "undici-7";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { recordDiag } from "../support/diag.ts";
import { listen } from "../support/listening.ts";
import { startPoints } from "../support/points.ts";

const EXPERIMENTS = {
  checkout: { id: "checkout_1", variants: ["control", "express"] },
  search: { id: "search_1", variants: ["bm25", "semantic"] },
} as const;
const FIELDS = { tier: oneOf("free", "premium"), seats: integer({ min: 1, max: 9 }) };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Options = Partial<ExperimentsOptions<typeof EXPERIMENTS, typeof FIELDS>>;

/** Experiments that believe every caller, if the options say nothing else. */
function experimentsWith(options: Options = {}) {
  const experiments = createExperiments({
    experiments: EXPERIMENTS,
    primary: "checkout",
    fields: FIELDS,
    trustInbound: true,
    ...options,
  });
  closers.push(() => experiments.close());
  return experiments;
}

type Shop = ReturnType<typeof experimentsWith>;

/** The origin of a server, which is closed behind the test. */
async function originOf(server: http.Server): Promise<string> {
  const { port, close } = await listen(server);
  closers.push(close);
  return `http://127.0.0.1:${port}`;
}

/** The origin of a server that answers with the variant of the checkout. */
function serverOf(experiments: Shop): Promise<string> {
  return originOf(
    http.createServer(
      nodeExperiments(experiments, (_request, response) => {
        setImmediate(() => response.end(experiments.variant("checkout") ?? "none"));
      }),
    ),
  );
}

/** Everything that experiments know of a request with these headers. */
function readBy(experiments: Shop, headers: Readonly<Record<string, string>>, peer = "127.0.0.1") {
  const emitter = { emit: () => false };
  const request = { ...emitter };
  inbound(experiments)({ header: (name) => headers[name], peer, request, response: emitter });
  const { assignments, fields } = experiments.of(request);
  return { assignments, tier: fields.get("tier"), seats: fields.get("seats") };
}

const NOTHING = { assignments: [], tier: undefined, seats: undefined };

type Headers = Record<string, string>;

function httpGet(url: string, headers: Headers): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { headers }, (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => resolve(body));
      })
      .on("error", reject);
  });
}

const clients: readonly (readonly [name: string, get: (url: string, headers: Headers) => Promise<string>])[] = [
  ["the built-in fetch", async (url, headers) => (await fetch(url, { headers })).text()],
  ["node:http", httpGet],
  ["undici 8's fetch", async (url, headers) => (await fetch8(url, { headers })).text()],
  ["undici 8", async (url, headers) => (await request8(url, { headers })).body.text()],
  ["undici 7", async (url, headers) => (await request7(url, { headers })).body.text()],
  ["undici 6", async (url, headers) => (await request6(url, { headers })).body.text()],
];

describe("a request of a test with testHeaders", () => {
  test.each(clients)("TSH-01 brings its variant by %s, and again when it is sent again", async (_name, get) => {
    const experiments = experimentsWith();
    const origin = await serverOf(experiments);
    const headers = { ...testHeaders(experiments, { checkout: "express" }), baggage: "user=1" };
    expect([await get(origin, headers), await get(origin, headers)]).toEqual(["express", "express"]);
    expect(await get(origin, {})).toBe("none");
  });

  test.each(clients)("TSH-02 brings nothing by %s to a server that trusts nobody", async (_name, get) => {
    const experiments = experimentsWith({ trustInbound: false });
    expect(await get(await serverOf(experiments), testHeaders(experiments, { checkout: "express" }))).toBe("none");
  });

  test("TSH-03 works with supertest, behind a mount path too, and with a query", async () => {
    const experiments = experimentsWith({ trustInbound: ["127.0.0.0/8"] });
    const router = express.Router();
    router.use(expressExperiments(experiments));
    router.get("/cart", (_request, response) => void response.send(experiments.variant("checkout")));
    const app = express().use("/shop", router);
    const get = () => supertest(app).get("/shop/cart").query({ item: "1" });
    const answers = [await get().set(testHeaders(experiments, { checkout: "express" })), await get()];
    expect(answers.map((answer) => answer.text)).toEqual(["express", ""]);
  });

  test("TSH-04 works with Fastify's inject", async () => {
    const experiments = experimentsWith({ trustInbound: ["127.0.0.0/8"] });
    const app = fastify();
    await app.register(fastifyExperiments, { experiments });
    app.get("/", async () => experiments.variant("checkout") ?? "none");
    const { body } = await app.inject({ url: "/", headers: testHeaders(experiments, { checkout: "express" }) });
    expect(body).toBe("express");
  });

  test("TSH-05 works with Hono's request, without a server", async () => {
    const experiments = experimentsWith();
    const app = new Hono().use(honoExperiments(experiments));
    app.get("/", (context) => context.text(experiments.variant("checkout") ?? "none"));
    const answer = await app.request("/", { headers: testHeaders(experiments, { checkout: "express" }) });
    expect(await answer.text()).toBe("express");
  });

  test("TSH-06 keeps 1,000 of them apart, on connections that they share", async () => {
    const experiments = createExperiments({ trustInbound: true });
    closers.push(() => experiments.close());
    const server = http.createServer(
      nodeExperiments(experiments, (_request, response) => {
        setImmediate(() => response.end(experiments.variant("checkout") ?? "none"));
      }),
    );
    const origin = await originOf(server);
    const agent = new Agent8({ connections: 20, pipelining: 4 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const hasVariant = i % 3 !== 0;
        const headers = hasVariant ? testHeaders(experiments, { checkout: `v${i}` }) : { baggage: "user=1" };
        const { body } = await request8(origin, { dispatcher: agent, headers });
        return (await body.text()) === (hasVariant ? `v${i}` : "none");
      }),
    );
    expect(answers.filter((right) => !right)).toHaveLength(0);
    await agent.close();
  });

  test("TSH-07 goes the way of a redirect", async () => {
    const experiments = experimentsWith();
    const target = await serverOf(experiments);
    const source = await originOf(
      http.createServer((_, response) => void response.writeHead(307, { location: target }).end()),
    );
    const answer = await fetch(source, { headers: testHeaders(experiments, { checkout: "express" }) });
    expect(await answer.text()).toBe("express");
  });
});

describe("what testHeaders brings", () => {
  test("TSH-10 is read as baggage is: assignments with their ids, and fields", () => {
    const experiments = experimentsWith();
    const headers = testHeaders(
      experiments,
      { checkout: "express", search: "semantic" },
      { tier: "premium", seats: 3 },
    );
    expect(Object.keys(headers)).toEqual([TEST_HEADER]);
    expect(readBy(experiments, headers)).toEqual({
      assignments: [
        { key: "checkout", id: "checkout_1", variant: "express", forced: false },
        { key: "search", id: "search_1", variant: "semantic", forced: false },
      ],
      tier: "premium",
      seats: 3,
    });
  });

  test("TSH-11 is under the prefix of the experiments", () => {
    const experiments = experimentsWith({ prefix: "shop." });
    const { assignments } = readBy(experiments, testHeaders(experiments, { checkout: "express" }));
    expect(assignments).toMatchObject([{ key: "checkout", variant: "express" }]);
  });

  test("TSH-12 stands beside what comes in baggage", () => {
    const experiments = experimentsWith();
    const baggage = "user=1,experiment.search.variant=semantic";
    const { assignments } = readBy(experiments, { baggage, ...testHeaders(experiments, { checkout: "express" }) });
    expect(assignments.map(({ key, variant }) => `${key}=${variant}`)).toEqual(["search=semantic", "checkout=express"]);
  });

  test("TSH-13 is nothing for undefined, so that a table of cases may have it", () => {
    const experiments = experimentsWith();
    const headers = testHeaders(experiments, { checkout: undefined }, { tier: undefined });
    expect(readBy(experiments, headers)).toEqual(NOTHING);
    expect(
      readBy(experiments, { baggage: "experiment.checkout.variant=control", ...headers }).assignments,
    ).toHaveLength(1);
  });

  test("TSH-14 is judged by the address of the caller, and counted as untrusted", async () => {
    const reader = startPoints();
    closers.push(() => metrics.disable());
    const experiments = experimentsWith({ trustInbound: ["10.0.0.0/8"] });
    const headers = testHeaders(experiments, { checkout: "express" }, { tier: "free" });
    expect(readBy(experiments, headers)).toEqual(NOTHING);
    expect(await reader.points("experiment.baggage.rejections")).toMatchObject([
      { attributes: { reason: "untrusted" }, value: 3 },
    ]);
    expect(readBy(experiments, headers, "10.1.2.3")).toMatchObject({
      tier: "free",
      assignments: [{ variant: "express" }],
    });
  });
});

describe("a test's header", () => {
  test("TSH-20 means nothing to experiments that are not strict, which do not ask for it", () => {
    const headers = testHeaders(experimentsWith(), { checkout: "express" });
    const asked: string[] = [];
    const header = (name: string) => {
      asked.push(name);
      return headers[name];
    };
    const emitter = { emit: () => false };
    for (const strict of [false, true]) {
      const experiments = experimentsWith({ strict });
      const { scope } = inbound(experiments)({ header, peer: undefined, request: { ...emitter }, response: emitter });
      expect(scope.assignments).toHaveLength(strict ? 1 : 0);
      expect(asked.splice(0).includes(TEST_HEADER)).toBe(strict);
    }
  });

  test.each(["", "unknown", "0b5b3f0e-5f0b-4f3e-9d0e-0c1f5a5d2b11", "experiment.checkout.variant=express", "a,b"])(
    "TSH-21 means nothing with a token that this process did not give: %j",
    (token) => {
      expect(readBy(experimentsWith(), { [TEST_HEADER]: token })).toEqual(NOTHING);
    },
  );

  test("TSH-24 is said to be from another process, at info level", () => {
    const log = recordDiag(DiagLogLevel.INFO);
    const clock = vi.spyOn(performance, "now").mockReturnValue(1e9); // the cause may have spoken in the last minute
    closers.push(() => clock.mockRestore());
    closers.push(() => diag.disable());
    readBy(experimentsWith(), { [TEST_HEADER]: "unknown" });
    expect(log.lines).toEqual([
      "info: otel-experiments: the otel-experiments-test header of a request is not from this process, so it was ignored",
    ]);
  });

  test("TSH-22 is not guessed: each call gives another token", () => {
    const experiments = experimentsWith();
    const tokens = Array.from({ length: 100 }, () => testHeaders(experiments, { checkout: "express" })[TEST_HEADER]);
    expect(new Set(tokens).size).toBe(100);
    for (const token of tokens) expect(token).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  });

  test("TSH-23 stands for its variant until 1,024 later ones are given", () => {
    const experiments = experimentsWith();
    const [first, second] = [
      testHeaders(experiments, { checkout: "express" }),
      testHeaders(experiments, { checkout: "control" }),
    ];
    for (let i = 0; i < 1023; i++) testHeaders(experiments, {});
    expect(readBy(experiments, first)).toEqual(NOTHING);
    expect(readBy(experiments, second).assignments).toMatchObject([{ variant: "control" }]);
  });
});

describe("testHeaders", () => {
  test("TSH-30 says what to set where the experiments are not strict", () => {
    const experiments = experimentsWith({ strict: false });
    expect(() => testHeaders(experiments, { checkout: "express" })).toThrow(
      'testHeaders needs strict experiments; set NODE_ENV to "test" before createExperiments, or write strict: true',
    );
  });

  test.each(["development", "test"])(
    "TSH-31 works where NODE_ENV is %s and no option says otherwise",
    (environment) => {
      vi.stubEnv("NODE_ENV", environment);
      closers.push(() => vi.unstubAllEnvs());
      const experiments = experimentsWith();
      expect(readBy(experiments, testHeaders(experiments, { checkout: "express" })).assignments).toHaveLength(1);
    },
  );

  test("TSH-35 throws where NODE_ENV is production, unless the option says otherwise", () => {
    vi.stubEnv("NODE_ENV", "production");
    closers.push(() => vi.unstubAllEnvs());
    expect(() => testHeaders(experimentsWith(), { checkout: "express" })).toThrow("strict");
    expect(() => testHeaders(experimentsWith({ strict: true }), { checkout: "express" })).not.toThrow();
  });

  test("TSH-32 refuses what is not declared, and the compiler does", () => {
    const experiments = experimentsWith();
    // @ts-expect-error an experiment that is not declared
    expect(() => testHeaders(experiments, { chekout: "express" })).toThrow(/there is no experiment "chekout"/);
    // @ts-expect-error a variant that is not declared
    expect(() => testHeaders(experiments, { checkout: "expres" })).toThrow(/checkout has no variant "expres"/);
    // @ts-expect-error a field that is not declared
    expect(() => testHeaders(experiments, {}, { teir: "free" })).toThrow(/there is no field "teir"/);
    // @ts-expect-error a value that the field does not take
    expect(() => testHeaders(experiments, {}, { tier: "gold" })).toThrow(/the value given to tier/);
    // @ts-expect-error no object
    expect(() => testHeaders(experiments, null)).toThrow(/the variants of testHeaders are null; write an object/);
    // @ts-expect-error what createExperiments did not give
    expect(() => testHeaders({}, {})).toThrow(/the experiments are missing/);
  });

  test("TSH-36 refuses a value that looks like a secret, and does not show it", () => {
    const experiments = createExperiments({ fields: { note: text({ maxLength: 200 }) } });
    closers.push(() => experiments.close());
    const token = `Bearer ${"Zm9vYmFy".repeat(4)}`;
    expect(() => testHeaders(experiments, {}, { note: token })).toThrow(
      /^the value given to note looks like a secret; write another$/,
    );
  });

  test("TSH-33 takes any key and variant where nothing is declared, if they can stand in baggage", () => {
    const experiments = createExperiments({ trustInbound: true });
    closers.push(() => experiments.close());
    expect(Object.keys(testHeaders(experiments, { anything: "at_all" }))).toEqual([TEST_HEADER]);
    expect(() => testHeaders(experiments, { anything: "a,b" })).toThrow(/the variant "a,b" is not/);
  });

  test("TSH-34 assigns, exposes and measures nothing by itself", async () => {
    const reader = startPoints();
    closers.push(() => metrics.disable());
    const experiments = experimentsWith();
    const log = recordDiag();
    closers.push(() => diag.disable());
    testHeaders(experiments, { checkout: "express", search: "semantic" }, { tier: "free" });
    expect([...(await reader.metrics()).keys()]).toEqual([]);
    expect(experiments.current().assignments).toEqual([]);
    expect(log.lines).toEqual([]);
  });
});

describe("baggage that is written by hand, to a server of the same process", () => {
  const headers = { baggage: "experiment.checkout.variant=express,user=1" };

  test.each(clients)("TSH-40 loses its own members by %s, wherever it goes", async (_name, get) => {
    const origin = await serverOf(experimentsWith());
    const sink = await startWireServer();
    closers.push(() => sink.close());
    expect(await get(origin, headers)).toBe("none");
    await get(sink.origin, headers);
    expect(sink.baggage()).toEqual([["user=1"]]);
  });

  test("TSH-41 brings a stranger's members to no server that trusts its own process", async () => {
    const innerOrigin = await serverOf(experimentsWith());
    const edge = experimentsWith({ trustInbound: false });
    const server = http.createServer(
      nodeExperiments(edge, (request, response) => {
        void fetch(innerOrigin, { headers })
          .then((answer) => answer.text())
          .then((body) => response.end(body));
        request.resume();
      }),
    );
    expect(await (await fetch(await originOf(server))).text()).toBe("none");
  });
});
