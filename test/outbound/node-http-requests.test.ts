import http from "node:http";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import nodeFetch from "node-fetch";
import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { recordDiag } from "../support/diag.ts";
import { startNetwork } from "../support/network.ts";
import { arrivals, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const network = await startNetwork();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin, "http://127.0.0.1"] });

afterEach(() => {
  for (const { clear } of [allowed, denied, network.server]) clear();
});

afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
  await network.close();
});

/** A request whose headers are set once it is made. */
function late(set: (request: http.ClientRequest) => void, headers: http.OutgoingHttpHeaders = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(denied.origin, { headers }, (response) => response.resume().on("end", resolve));
    request.on("error", reject);
    set(request);
    request.end();
  });
}

describe("headers that are set on a request of node:http after it was made", () => {
  test.each([
    ["setHeader", (request: http.ClientRequest) => void request.setHeader("baggage", `user=1,${own("x")}`)],
    ["setHeader with a list", (request: http.ClientRequest) => void request.setHeader("Baggage", ["user=1", own("x")])],
    [
      "setHeaders",
      (request: http.ClientRequest) => void request.setHeaders(new Headers({ baggage: `user=1,${own("x")}` })),
    ],
    ["appendHeader", (request: http.ClientRequest) => void request.appendHeader("baggage", `user=1,${own("x")}`)],
    [
      "an encoded key",
      (request: http.ClientRequest) => void request.setHeader("baggage", "user=1,experiment%2Ea.id=x"),
    ],
  ])("OUT-L1 by %s: own members leave as little as those that were given at once", async (_name, set) => {
    await late(set);
    expect(arrivals(denied)).toEqual([["user=1"]]);
  });

  test("OUT-L2 by appendHeader behind what was given at once: one line", async () => {
    await late((request) => void request.appendHeader("baggage", `last=2,${own("x")}`), { baggage: "user=1" });
    expect(arrivals(denied)).toEqual([["user=1,last=2"]]);
  });

  test("OUT-L3 a ticket that a stranger sent is taken off as well", async () => {
    await late((request) => void request.setHeader("otel-experiments-ticket", "anything"));
    expect(arrivals(denied)).toEqual([[]]);
  });
});

/** A cause speaks once a minute. */
let minutes = 1e6;

/** A request whose headers are given at once. */
function send(url: string, headers: http.OutgoingHttpHeaders | readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { headers }, (response) => response.resume().on("end", resolve));
    request.on("error", reject).end();
  });
}

describe("a request of node:http with Expect or headers in an array, whose header block is made at once", () => {
  test.each([
    ["an object", { Expect: "100-continue", baggage: `user=1,${own("x")}` }],
    ["an object of lists", { expect: "100-continue", baggage: ["user=1", own("x")] }],
    ["a flat array", ["expect", "100-continue", "baggage", "user=1", "baggage", own("x")]],
  ])("OUT-L4 with Expect in %s: own members that the caller wrote do not leave", async (_name, headers) => {
    await send(denied.origin, headers);
    expect(arrivals(denied)).toEqual([["user=1"]]);
  });

  test.each([
    ["Expect", (headers: Headers) => ({ ...Object.fromEntries(headers), expect: "100-continue" })],
    ["an array", (headers: Headers) => [...headers].flat()],
  ])("OUT-L5 with %s: a wrapped fetch sends no ticket and no own member, and diag says so", async (_name, form) => {
    const log = recordDiag(DiagLogLevel.INFO);
    vi.spyOn(performance, "now").mockReturnValue((minutes += 10) * 60_000);
    const wrapped = experimentFetch(experiments, (input: string, init?: RequestInit) =>
      send(input, form(new Headers({ ...Object.fromEntries(new Headers(init?.headers)), baggage: "user=1;p=%20" }))),
    );
    await serve(own("express"), () => wrapped(denied.origin));
    expect(log.lines).toEqual([]);
    await serve(own("express"), () => wrapped(allowed.origin));
    expect([denied, allowed].map(arrivals)).toEqual([[["user=1;p=%20"]], [["user=1;p=%20"]]]);
    const line =
      "info: otel-experiments: a request of node:http carries no variant, since its headers were given as an array or with Expect; give them as an object, and set Expect with request.setHeader";
    expect(log.lines).toEqual(SHOWS_DESTINATION ? [line] : []);
    vi.restoreAllMocks();
    diag.disable();
  });

  test("OUT-L11 with Expect by setHeader: a wrapped fetch writes own members where they may go", async () => {
    const wrapped = experimentFetch(experiments, async (input: string, init?: RequestInit) => {
      const headers = Object.fromEntries(new Headers(init?.headers));
      await new Promise((resolve, reject) => {
        const request = http.request(input, { method: "POST", headers }, (response) =>
          response.resume().on("end", resolve),
        );
        request.setHeader("expect", "100-continue");
        request.on("error", reject).end("body");
      });
    });
    await serve(own("express"), () => wrapped(allowed.origin));
    expect(allowed.requests[0]?.lines).toContain("expect: 100-continue");
    expect(arrivals(allowed)).toEqual([SHOWS_DESTINATION ? [own("express")] : []]);
  });
});

/** A wrapped client that goes through an agent. */
function over(agent: http.Agent): (input: string) => Promise<unknown> {
  return experimentFetch(experiments, (input: string, init?: object) => nodeFetch(input, { ...init, agent }));
}

describe("a request of node:http over an agent", () => {
  // "Here the agent options will override per-request options", lib/_http_agent.js, addRequest.
  test.each([
    ["host and port", () => ({ host: "127.0.0.1", port: network.port })],
    ["port", () => ({ port: network.port })],
    ["socketPath", () => ({ socketPath: network.socketPath })],
  ])("OUT-L6 an agent whose own %s send the request elsewhere takes no own member there", async (_name, options) => {
    const agent = new http.Agent(options() as http.AgentOptions); // why: it passes socketPath on to the socket, which its type leaves out
    await serve(own("express"), () => over(agent)(allowed.origin));
    expect(network.server.requests).toHaveLength(1);
    expect(arrivals(network.server)).toEqual([[]]);
  });

  test("OUT-L7 an agent whose default port is not that of the scheme does not pass for it", async () => {
    class OddAgent extends http.Agent {
      defaultPort = network.port;
    }
    await serve(own("express"), () => over(new OddAgent())(`http://127.0.0.1:${network.port}/`));
    expect(network.server.requests).toHaveLength(1);
    expect(arrivals(network.server)).toEqual([[]]);
  });
});
