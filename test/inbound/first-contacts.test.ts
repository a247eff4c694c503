import { Agent, createServer, type RequestListener, request as send } from "node:http";
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { nodeExperiments } from "otel-experiments/node";
import type { InboundServer } from "otel-experiments/testing";
import { fetch, Agent as UndiciAgent } from "undici";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { newestHarnesses } from "../support/frameworks/all.ts";
import { listen, startListening } from "../support/listening.ts";

// Which requests without a cookie are one visitor: two calls at once of one browser are, two browsers never.

const SECRET = "a secret of the tests, long enough";
const closing: (() => unknown)[] = [];

// A busy machine must not make calls late that are sent at once.
beforeEach(() => {
  vi.spyOn(performance, "now").mockReturnValue(performance.now());
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0).toReversed()) await close();
});

type Listener = (...exchange: Parameters<RequestListener>) => unknown;
type Headers = Readonly<Record<string, string>>;
/** Sends a request, and gives the body and the lines of `set-cookie`. */
type Client = (port: number, path: string, headers: Headers) => Promise<readonly [string, readonly string[]]>;

function undiciClient(options?: UndiciAgent.Options): Client {
  const dispatcher = new UndiciAgent(options);
  closing.push(() => dispatcher.destroy());
  return async (port, path, headers) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, dispatcher });
    return [await response.text(), response.headers.getSetCookie()];
  };
}

function nodeClient(keepAlive: boolean, maxSockets = Number.POSITIVE_INFINITY): Client {
  const agent = new Agent({ keepAlive, maxSockets });
  closing.push(() => agent.destroy());
  return (port, path, headers) =>
    new Promise((resolve, reject) => {
      send({ port, path, headers, agent, host: "127.0.0.1" }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
        response.on("end", () => resolve([body, response.headers["set-cookie"] ?? []]));
      })
        .on("error", reject)
        .end();
    });
}

function http2Client(port: number): Client {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  closing.push(() => session.destroy());
  return (_, path, headers) =>
    new Promise((resolve, reject) => {
      let [body, lines]: [string, readonly string[]] = ["", []];
      session
        .request({ ":path": path, ...headers })
        .setEncoding("utf8")
        .on("response", (given) => (lines = given["set-cookie"] ?? []))
        .on("data", (chunk: string) => (body += chunk))
        .on("end", () => resolve([body, lines]))
        .on("error", reject)
        .end();
    });
}

/** A browser's cookies, over a client that many browsers share. */
class Shopper {
  readonly cookies = new Map<string, string>();
  readonly #client: Client;
  readonly #headers: Headers;

  constructor(client: Client, headers: Headers) {
    this.#client = client;
    this.#headers = headers;
  }

  get id(): string {
    return (this.cookies.get("experiments") ?? "").split("!")[0] ?? "";
  }

  async call(port: number, path: string): Promise<string> {
    const cookie = Array.from(this.cookies, (pair) => pair.join("=")).join("; ");
    const headers = cookie === "" ? this.#headers : { ...this.#headers, cookie };
    const [body, lines] = await this.#client(port, path, headers);
    for (const line of lines) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.cookies.set(name, value);
    }
    return body;
  }
}

function experimentsOf(): Experiments {
  const options: ExperimentsOptions = {
    experiments: { checkout: { id: "checkout_1", variants: ["a", "b"] } },
    store: cookieStore({ secrets: SECRET }),
  };
  const experiments = createExperiments(options);
  closing.push(() => experiments.close());
  return experiments;
}

/** Waits before and after the assignment, for as many milliseconds as the path says; not at all for 0. */
async function answer(experiments: Experiments, path: string): Promise<string> {
  const [before = 0, after = 0] = path.slice(1).split("/").map(Number);
  if (before > 0) await wait(before);
  const variant = await experiments.assign("checkout");
  if (after > 0) await wait(after);
  return String(variant);
}

/** A server of node:http. */
async function serve(): Promise<number> {
  const experiments = experimentsOf();
  const listener: Listener = nodeExperiments(experiments, async (request, response) => {
    response.end(await answer(experiments, request.url ?? ""));
  });
  const server = await listen(createServer(listener));
  closing.push(() => server.close());
  return server.port;
}

/** The first answer is there first, last, or about as early. */
const ORDERS: readonly (readonly [string, string])[] = [
  ["/0/0", "/0/0"],
  ["/0/4", "/0/0"],
  ["/0/0", "/4/0"],
  ["/2/2", "/0/1"],
  ["/0/0", "/0/4"],
];

/** How many browsers a test has. */
const BROWSERS = 100;

/** The variants of a new browser's calls at once and of a later one, and its id. */
interface Visit {
  readonly seen: readonly string[];
  readonly later: string;
  readonly id: string;
}

async function visit(shopper: Shopper, port: number, paths: readonly string[]): Promise<Visit> {
  const seen = await Promise.all(paths.map((path) => shopper.call(port, path)));
  return { seen, later: await shopper.call(port, "/0/0"), id: shopper.id };
}

interface Summary {
  readonly split: number;
  readonly ids: number;
  readonly a: number;
  readonly b: number;
}

function summaryOf(visits: readonly Visit[]): Summary {
  const of = (variant: string) => visits.filter(({ later }) => later === variant).length;
  return {
    split: visits.filter(({ seen, later }) => seen.some((variant) => variant !== later)).length,
    ids: new Set(visits.map(({ id }) => id)).size,
    a: of("a"),
    b: of("b"),
  };
}

/** New browsers, one after the other. */
async function visitInTurn(
  count: number,
  port: number,
  client: Client,
  headersOf: (index: number) => Headers = () => ({ "user-agent": "x" }),
): Promise<Summary> {
  const visits = [];
  for (let i = 0; i < count; i++) {
    const paths = ORDERS[i % ORDERS.length] ?? [];
    visits.push(await visit(new Shopper(client, headersOf(i)), port, paths));
  }
  return summaryOf(visits);
}

const clients: Record<string, () => Client> = {
  "undici's fetch": undiciClient,
  "node:http's agent": () => nodeClient(true),
};

describe.each(newestHarnesses())("on $name", ({ serve: serveFramework }) => {
  const start = async (): Promise<InboundServer> => {
    const experiments = experimentsOf();
    const server = await serveFramework({
      mount: [experiments],
      async handler({ request, reply }) {
        reply(200, await answer(experiments, request.url ?? ""));
      },
    });
    closing.push(() => server.close());
    return server;
  };

  test.each(Object.entries(clients))(
    "FCT-01 browsers that follow one another on kept connections are as many visitors, none in two variants: %s",
    async (_, makeClient) => {
      const { split, ids, a, b } = await visitInTurn(BROWSERS, (await start()).port, makeClient());
      expect(split).toBe(0);
      // A client may open a connection more, over which two visitors follow one another unseen.
      expect(ids).toBeGreaterThanOrEqual(0.95 * BROWSERS);
      expect([a > BROWSERS / 4, b > BROWSERS / 4]).toEqual([true, true]);
    },
  );

  test("FCT-02 browsers that call in parallel, each with its own user-agent, are as many visitors", async () => {
    const [{ port }, client] = [await start(), undiciClient()];
    const visits = await Promise.all(
      Array.from({ length: BROWSERS }, (_, i) =>
        visit(new Shopper(client, { "user-agent": `x${i}` }), port, ORDERS[i % ORDERS.length] ?? []),
      ),
    );
    expect(summaryOf(visits)).toMatchObject({ split: 0, ids: BROWSERS });
  });
});

test("FCT-03 without kept connections no browser shows two variants, and at most three browsers are one visitor", async () => {
  const { split, ids } = await visitInTurn(BROWSERS, await serve(), nodeClient(false));
  expect(split).toBe(0);
  expect(ids).toBeGreaterThanOrEqual(BROWSERS / 3);
});

test("FCT-04 parallel browsers with one address and user-agent are never one visitor, and each stays with its last cookie", async () => {
  const [port, client] = [await serve(), undiciClient()];
  const shoppers = Array.from({ length: 50 }, () => new Shopper(client, { "user-agent": "x" }));
  const visits = await Promise.all(shoppers.map((shopper) => visit(shopper, port, ["/1/0", "/0/2"])));
  for (const [i, shopper] of shoppers.entries()) expect(await shopper.call(port, "/0/0")).toBe(visits[i]?.later);
  expect(summaryOf(visits).ids).toBeGreaterThanOrEqual(Math.floor(100 / 16));
});

test("FCT-09 calls that wait for one of a browser's six connections are of the same visitor as those before them", async () => {
  const port = await serve();
  for (let i = 0; i < 20; i++) {
    const shopper = new Shopper(nodeClient(true, 6), { "user-agent": `x${i}`, "sec-fetch-site": "same-origin" });
    const { seen, later } = await visit(shopper, port, Array(14).fill("/0/0"));
    expect(new Set(seen)).toEqual(new Set([later]));
  }
});

test("FCT-05 requests for pages are a visitor each", async () => {
  const [port, client] = [await serve(), undiciClient()];
  const headers = { "user-agent": "x", "sec-fetch-dest": "document", "x-forwarded-for": "192.0.2.1" };
  const visits = await Promise.all(
    Array.from({ length: 50 }, () => visit(new Shopper(client, headers), port, ["/0/0"])),
  );
  expect(summaryOf(visits)).toMatchObject({ split: 0, ids: 50 });
});

describe("behind a proxy that sends the client's address", () => {
  test("FCT-06 browsers of different addresses are as many visitors over the same connections", async () => {
    const headersOf = (i: number): Headers => ({ "user-agent": "x", "x-forwarded-for": `192.0.2.${i}` });
    expect(await visitInTurn(BROWSERS, await serve(), undiciClient(), headersOf)).toMatchObject({
      split: 0,
      ids: BROWSERS,
    });
  });

  test("FCT-07 at most eight browsers of one address, in pairs of calls, are one visitor", async () => {
    const headersOf = (): Headers => ({ "user-agent": "x", "x-forwarded-for": "192.0.2.1" });
    const { split, ids } = await visitInTurn(BROWSERS, await serve(), undiciClient(), headersOf);
    expect(split).toBe(0);
    expect(ids).toBeGreaterThanOrEqual(BROWSERS / 8);
  });
});

test("FCT-08 over HTTP/2 the calls that a browser makes at once are one visitor", async () => {
  const experiments = experimentsOf();
  const handler = async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    response.end(await answer(experiments, request.url));
  };
  // why: the request and response that Node makes for HTTP/2 have the members of node:http's, not its classes
  const server = createHttp2Server({}, nodeExperiments(experiments, handler as never) as never);
  closing.push(() => server.close());
  const port = await startListening(server);
  const headersOf = (i: number): Headers => ({ "user-agent": `x${i}` });
  expect(await visitInTurn(BROWSERS, port, http2Client(port), headersOf)).toMatchObject({ split: 0, ids: BROWSERS });
});
