import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import path from "node:path";
import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { createExperiments, type ExperimentsOptions } from "otel-experiments";
import { inbound } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { describe, expect, test, vi } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { closed, REDESIGN } from "../../support/experiments.ts";
import { listen, startListening } from "../../support/listening.ts";
import { exchangeRaw } from "../../support/raw-exchange.ts";

const OWN = "experiment.checkout.variant=express";

let minutes = 0;

type Options = Partial<ExperimentsOptions<typeof REDESIGN>>;

function experimentsWith(options: Options) {
  return closed(createExperiments({ experiments: REDESIGN, ...options }));
}

/** Whether a request from a peer counts, by the boundary that adapters use. */
function trusts(options: Options, peer: string | undefined, headers: Readonly<Record<string, string>> = {}): boolean {
  const all: Readonly<Record<string, string>> = { baggage: OWN, ...headers };
  const { scope } = inbound(experimentsWith(options))({
    header: (name) => all[name],
    peer,
    request: new EventEmitter(),
    response: new EventEmitter(),
  });
  return scope.assignments.length === 1;
}

describe("whose members count", () => {
  test("TR-01 nobody's by default, and everybody's with true, also without a peer or behind a proxy", () => {
    for (const peer of ["127.0.0.1", "::1", "10.0.0.1", undefined]) {
      expect(trusts({}, peer)).toBe(false);
      expect(trusts({ trustInbound: false }, peer)).toBe(false);
      expect(trusts({ trustInbound: true }, peer)).toBe(true);
      expect(trusts({ trustInbound: true }, peer, { "x-forwarded-for": "203.0.113.9", via: "1.1 edge" })).toBe(true);
    }
  });

  test.each([
    [["10.0.0.0/8"], "10.255.0.1", true],
    [["10.0.0.0/8"], "11.0.0.1", false],
    [["10.0.0.0/8"], "9.255.255.255", false],
    [["10.0.0.0/8"], "::ffff:10.1.2.3", true],
    [["10.0.0.0/8"], "::FFFF:10.1.2.3", true],
    [["10.0.0.0/8"], "::ffff:11.1.2.3", false],
    [["10.0.0.0/8"], "::10.1.2.3", false],
    [["10.1.2.3"], "10.1.2.3", true],
    [["10.1.2.3"], "10.1.2.4", false],
    [["10.1.2.3/32"], "10.1.2.3", true],
    [["0.0.0.0/0"], "203.0.113.9", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["192.168.1.128/25"], "192.168.1.200", true],
    [["192.168.1.128/25"], "192.168.1.100", false],
    [["fd00::/8"], "fd12:3456::1", true],
    [["fd00::/8"], "fe80::1", false],
    [["fe80::/10"], "fe80::1%eth0", true],
    [["::1"], "::1", true],
    [["::1"], "127.0.0.1", false],
    [["::/0"], "2001:db8::1", true],
    [["::ffff:10.0.0.0/104"], "10.1.2.3", true],
    [["::ffff:10.0.0.0/104"], "::ffff:10.1.2.3", true],
    [["::ffff:10.0.0.0/104"], "11.1.2.3", false],
    [["::ffff:10.1.2.3"], "10.1.2.3", true],
    [["::ffff:a00:0/104"], "10.1.2.3", true],
    [["0:0:0:0:0:FFFF:10.0.0.0/104"], "::ffff:10.1.2.3", true],
    [["::ffff:0:0/96"], "203.0.113.9", true],
    [["::ffff:0:0/96"], "2001:db8::1", false],
    ...["::/0", "::/64", "::/80", "::/95", "::ffff:0/112", "::", "::1/64", "64:ff9b::/96"].flatMap((network) =>
      ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:ffff:7f00:1"].map(
        (peer) => [[network], peer, false] as const,
      ),
    ),
    [["::/64"], "::1", true],
    [["0.0.0.0/0"], "::1", false],
    [["0.0.0.0/0"], "::ffff:7f00:1", true],
    [["127.0.0.1/8"], "127.9.9.9", true],
    [["10.0.0.0/8"], "010.0.0.1", false],
    [["10.0.0.0/8"], "0x0a.1", false],
    [["10.0.0.0/8"], "167772161", false],
    [["10.0.0.0/8"], " 10.0.0.1", false],
    [["10.0.0.0/8", "fd00::/8"], "fd00::7", true],
    [["10.0.0.0/8", "192.168.0.0/16"], "192.168.3.4", true],
    [[], "127.0.0.1", false],
    [["10.0.0.0/8"], undefined, false],
    [["0.0.0.0/0", "::/0"], undefined, false],
    [["10.0.0.0/8"], "", false],
    [["10.0.0.0/8"], "10.0.0.1, 10.0.0.2", false],
    [["10.0.0.0/8"], "10.0.0.1.evil.example", false],
    [["0.0.0.0/0", "::/0"], "not an address", false],
  ] as const)("TR-02 with the networks %j, of the peer %s: %s", (trustInbound, peer, expected) => {
    expect(trusts({ trustInbound }, peer)).toBe(expected);
  });

  test.each([
    ["::ffff:10.0.0.0/8", "10.0.0.0/8", "::ffff:10.0.0.0/104"],
    ["::ffff:a00:0/8", "10.0.0.0/8", "::ffff:10.0.0.0/104"],
    ["::ffff:10.1.0.0/16", "10.1.0.0/16", "::ffff:10.1.0.0/112"],
    ["::ffff:10.0.0.0/64", "10.0.0.0/8", "::ffff:10.0.0.0/104"],
  ])("TR-42 a mapped network whose length does not count from 96 is refused, with what to write: %j", (...texts) => {
    const [wrong, ...right] = texts;
    const mend = right.map((text) => JSON.stringify(text)).join(", or ");
    expect(() => experimentsWith({ trustInbound: [wrong] })).toThrow(
      `trustInbound holds "${wrong}"; the length of a mapped IPv4 network counts from 96; write ${mend}`,
    );
    for (const each of right) expect(trusts({ trustInbound: [each] }, "::ffff:10.1.0.1")).toBe(true);
  });

  test.each([
    "010.0.0.0/8",
    "0x0a.0.0.0/8",
    "10/8",
    "10.0.0/24",
    "10.0.0.0/08",
    "10.0.0.0/+8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/8/8",
    "10.0.0.0/255.0.0.0",
    " 10.0.0.0/8",
    "10.0.0.0 /8",
    "10.0.0.0/8 ",
    "fe80::1%eth0",
    "fe80::%eth0/10",
    "[::1]",
    "::1/129",
    "::ffff:010.0.0.1",
    "localhost",
    "*",
    "",
  ])("TR-43 a network in another form is refused: %j", (network) => {
    expect(() => experimentsWith({ trustInbound: [network] })).toThrow(
      `trustInbound holds ${JSON.stringify(network)}; write networks such as "10.0.0.0/8", "fd00::/8" or "127.0.0.1"`,
    );
  });

  const proxyHeaders = [
    { forwarded: "for=10.0.0.9" },
    { via: "1.1 edge" },
    ...[
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-proto",
      "x-forwarded-port",
      "x-forwarded-server",
      "x-forwarded-prefix",
      "x-real-ip",
      "x-client-ip",
      "x-cluster-client-ip",
      "client-ip",
      "true-client-ip",
      "cf-connecting-ip",
      "cf-ray",
      "cdn-loop",
      "x-envoy-external-address",
      "fastly-client-ip",
      "fly-client-ip",
      "do-connecting-ip",
      "x-original-forwarded-for",
      "x-original-host",
      "x-azure-clientip",
      "x-appengine-user-ip",
      "x-amz-cf-id",
    ].map((name) => ({ [name]: "10.0.0.9" })),
  ];

  test.each(proxyHeaders)("TR-03 not of a trusted peer that forwards for another: %j", (header) => {
    const trustInbound = ["10.0.0.0/8"];
    expect(trusts({ trustInbound }, "10.0.0.1", header)).toBe(false);
    expect(trusts({ trustInbound, trustProxied: false }, "10.0.0.1", header)).toBe(false);
    expect(trusts({ trustInbound, trustProxied: true }, "10.0.0.1", header)).toBe(true);
    const [name = ""] = Object.keys(header);
    expect(trusts({ trustInbound }, "10.0.0.1", { [name]: "" })).toBe(false);
  });

  test.each(proxyHeaders)("TR-04 not of a stranger, whatever it says of others: %j", (header) => {
    const trustInbound = ["10.0.0.0/8"];
    const headers = { ...header, "x-real-ip": "10.0.0.9", "cf-connecting-ip": "10.0.0.9", host: "10.0.0.9" };
    expect(trusts({ trustInbound }, "203.0.113.9", headers)).toBe(false);
    expect(trusts({ trustInbound, trustProxied: true }, "203.0.113.9", headers)).toBe(false);
  });

  test("TR-05 as a predicate says, at once and with a boolean; all else means no", () => {
    const key = (secret: string | undefined): boolean =>
      trusts({ trustInbound: ({ header }) => header("x-mesh") === "a secret" }, undefined, {
        ...(secret !== undefined && { "x-mesh": secret }),
      });
    expect([key("a secret"), key("another"), key(undefined)]).toEqual([true, false, false]);
    expect(trusts({ trustInbound: ({ peer }) => peer === "10.0.0.1" }, "10.0.0.1")).toBe(true);
    expect(trusts({ trustInbound: ({ peer }) => peer === undefined }, undefined)).toBe(true);
    const wrong: readonly (() => unknown)[] = [
      () => {
        throw new Error("a fault");
      },
      async () => true,
      () => "true",
      () => 1,
      () => ({}),
      () => undefined,
    ];
    for (const predicate of wrong) {
      // why: predicates that break their type are what this is about
      expect(trusts({ trustInbound: predicate as () => boolean }, "127.0.0.1")).toBe(false);
    }
  });
});

/** Answers with the variant that a request has. */
function listenerWith(options: Options) {
  const experiments = experimentsWith(options);
  return nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
    response.end(`${experiments.variant("checkout") ?? "none"} ${request.socket.remoteAddress}`);
  });
}

const LINES = [`baggage: ${OWN}`];

describe("on real sockets", () => {
  test("TR-06 an IPv4 peer counts as such on a socket of IPv6, and a stranger there does not", async () => {
    const bodies: string[] = [];
    for (const [address, trustInbound] of [
      ["::ffff:127.0.0.1", ["127.0.0.0/8"]],
      ["::ffff:127.0.0.1", ["::1"]],
      ["::1", ["127.0.0.0/8"]],
      ["::1", ["::1"]],
    ] as const) {
      const server = createServer(listenerWith({ trustInbound }));
      const port = await startListening(server, address);
      const host = address === "::1" ? "::1" : "127.0.0.1";
      bodies.push((await exchangeRaw({ port, host }, LINES)).body);
      server.close();
      await once(server, "close");
    }
    expect(bodies).toEqual(["express ::ffff:127.0.0.1", "none ::ffff:127.0.0.1", "none ::1", "express ::1"]);
  });

  test("TR-07 a unix socket has no peer, so that no network holds it", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "otel-experiments-"));
    const variants: string[] = [];
    for (const [name, trustInbound] of [
      ["networks", ["0.0.0.0/0", "::/0"]],
      ["everybody", true],
    ] as const) {
      const server = createServer(listenerWith({ trustInbound }));
      const socket = path.join(folder, name);
      server.listen(socket);
      await once(server, "listening");
      variants.push((await exchangeRaw({ path: socket }, LINES)).body);
      server.close();
      await once(server, "close");
    }
    await rm(folder, { recursive: true });
    expect(variants).toEqual(["none undefined", "express undefined"]);
  });
});

describe("a request that is injected", () => {
  const LOOPBACK = ["127.0.0.0/8", "::1"];

  test("TR-44 has no peer, outside of a scope too: Fastify's inject", async () => {
    const experiments = experimentsWith({ trustInbound: LOOPBACK });
    const app = fastify();
    closed(app);
    await app.register(fastifyExperiments, { experiments });
    app.get("/", (request) => `${experiments.variant("checkout") ?? "none"} ${request.ip}`);
    expect((await app.inject({ url: "/", headers: { baggage: OWN } })).body).toBe("none 127.0.0.1");
    const trusting = experimentsWith({ trustInbound: true });
    const other = fastify();
    closed(other);
    await other.register(fastifyExperiments, { experiments: trusting });
    other.get("/", () => trusting.variant("checkout"));
    expect((await other.inject({ url: "/", headers: { baggage: OWN } })).body).toBe("express");
  });

  test.each([
    ["an object", { remoteAddress: "127.0.0.1" }],
    ["an emitter", Object.assign(new EventEmitter(), { remoteAddress: "127.0.0.1" })],
  ])("TR-45 has no peer where its socket is made up of %s", (_what, socket) => {
    const request = Object.assign(new EventEmitter(), { socket });
    const { scope } = inbound(experimentsWith({ trustInbound: LOOPBACK }))({
      header: (name) => (name === "baggage" ? OWN : undefined),
      peer: "127.0.0.1",
      // why: such a socket breaks the type
      request: request as unknown as EventEmitter,
      response: new EventEmitter(),
    });
    expect(scope.assignments).toEqual([]);
  });

  test("TR-46 and one over HTTP/2 has its socket's", async () => {
    const experiments = experimentsWith({ trustInbound: LOOPBACK });
    const app = fastify({ http2: true });
    await app.register(fastifyExperiments, { experiments });
    app.get("/", () => experiments.variant("checkout") ?? "none");
    const session = connect(await app.listen({ port: 0, host: "127.0.0.1" }));
    const stream = session.request({ ":path": "/", baggage: OWN });
    let body = "";
    for await (const chunk of stream.setEncoding("utf8")) body += String(chunk);
    session.close();
    await app.close();
    expect(body).toBe("express");
  });
});

/** An app of each framework that trusts its proxies, so that the framework's own idea of the peer is a forwarded one. */
const proxied: readonly (readonly [string, (options: Options) => Promise<number>])[] = [
  [
    "Express",
    async (options) => {
      const experiments = experimentsWith(options);
      const app = express();
      app.set("trust proxy", true);
      app.use(expressExperiments(experiments));
      app.use((request, response) => response.send(`${experiments.variant("checkout") ?? "none"} ${request.ip}`));
      const server = await listen(createServer(app));
      closed(server);
      return server.port;
    },
  ],
  [
    "Koa",
    async (options) => {
      const experiments = experimentsWith(options);
      const app = new Koa({ proxy: true });
      app.use(koaExperiments(experiments));
      app.use((context) => {
        context.body = `${experiments.variant("checkout") ?? "none"} ${context.ip}`;
      });
      const serve = app.callback();
      const server = await listen(createServer((request, response) => void serve(request, response)));
      closed(server);
      return server.port;
    },
  ],
  [
    "Fastify",
    async (options) => {
      const experiments = experimentsWith(options);
      const app = fastify({ trustProxy: true, forceCloseConnections: true });
      closed(app);
      await app.register(fastifyExperiments, { experiments });
      app.get("/", (request) => `${experiments.variant("checkout") ?? "none"} ${request.ip}`);
      return Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
    },
  ],
];

describe.each(proxied)("on %s with its trust in proxies", (_name, portOf) => {
  test("TR-08 the socket's peer decides, never the framework's idea of it", async () => {
    const forwarded = [...LINES, "x-forwarded-for: 10.0.0.9"];
    const inNetwork = await send(await portOf({ trustInbound: ["10.0.0.0/8"] }), { lines: forwarded });
    const proxyInNetwork = await send(await portOf({ trustInbound: ["127.0.0.1"] }), { lines: forwarded });
    const vouched = await send(await portOf({ trustInbound: ["127.0.0.1"], trustProxied: true }), { lines: forwarded });
    const direct = await send(await portOf({ trustInbound: ["127.0.0.1"] }), { lines: LINES });
    expect(inNetwork.body).toBe("none 10.0.0.9");
    expect(proxyInNetwork.body).toBe("none 10.0.0.9");
    expect(vouched.body).toBe("express 10.0.0.9");
    expect(direct.body).toBe("express 127.0.0.1");
  });
});

test("TR-09 what the service decides for a stranger's request stands, and the stranger's word does not", async () => {
  const experiments = experimentsWith({});
  const listener = nodeExperiments(experiments, (_request: IncomingMessage, response: ServerResponse) => {
    const before = experiments.variant("checkout") ?? "none";
    response.end(`${before} ${experiments.record("checkout", "control")} ${experiments.current().assignments[0]?.id}`);
  });
  const { port, close } = await listen(createServer(listener));
  const lines = [`baggage: ${OWN},experiment.checkout.id=evil,experiment.checkout.forced=1`];
  expect((await send(port, { lines })).body).toBe("none control checkout_redesign_2026q1");
  await close();
});

describe("diag hears, where it listens to information,", () => {
  const NETWORKS = ["10.0.0.0/8"];
  const untold: readonly (readonly [
    what: string,
    options: Options,
    peer: string | undefined,
    headers: Readonly<Record<string, string>>,
    said: string,
  ])[] = [
    [
      "by default",
      {},
      "127.0.0.1",
      {},
      'experiments and fields from 127.0.0.1 were ignored; if you trust it, add its network to trustInbound, such as "127.0.0.1"',
    ],
    [
      "of an address with a zone",
      { trustInbound: false },
      "fe80::1%eth0",
      {},
      'experiments and fields from fe80::1%eth0 were ignored; if you trust it, add its network to trustInbound, such as "fe80::1"',
    ],
    [
      "of another network",
      { trustInbound: NETWORKS },
      "::1",
      { via: "1.1 edge" },
      'experiments and fields from ::1 were ignored; if you trust it, add its network to trustInbound, such as "::1"',
    ],
    [
      "of a proxy",
      { trustInbound: NETWORKS },
      "10.0.0.1",
      { "x-forwarded-for": "203.0.113.9" },
      "experiments and fields from 10.0.0.1 were ignored; its header x-forwarded-for shows that it is a proxy; if you trust the requests that it forwards, set trustProxied: true",
    ],
    [
      "of a socket without an address",
      { trustInbound: NETWORKS, trustProxied: true },
      undefined,
      {},
      "experiments and fields from a caller without an address were ignored; no network can match it; if you trust it, write a predicate as trustInbound, or for a message run(headers, fn, { trusted: true })",
    ],
    [
      "of whom a predicate does not believe",
      { trustInbound: () => false },
      "10.0.0.1",
      {},
      "experiments and fields from 10.0.0.1 were ignored; the predicate of trustInbound does not trust it",
    ],
  ];

  test.each(untold)("TR-40 %s, what to write so that a caller is believed", (_what, options, peer, headers, said) => {
    const info = vi.fn<DiagLogger["info"]>();
    const logger: DiagLogger = { error() {}, warn() {}, info, debug() {}, verbose() {} };
    diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true });
    // It is said once a minute.
    minutes += 10;
    const clock = vi.spyOn(performance, "now").mockReturnValue(1e9 + minutes * 60_000);
    try {
      expect(trusts(options, peer, headers)).toBe(false);
      expect(info.mock.calls).toEqual([[`otel-experiments: ${said}`]]);
    } finally {
      clock.mockRestore();
      diag.disable();
    }
  });
});
