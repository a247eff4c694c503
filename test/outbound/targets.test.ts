import diagnosticsChannel from "node:diagnostics_channel";
import http from "node:http";
import net from "node:net";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const cart = await startRedirectingServer();
const partner = await startRedirectingServer();
const proxy = await startRedirectingServer();
const { experiments, serve, close } = await openStage({
  propagateTo: [
    cart.origin,
    "http://*.shop.internal",
    ({ hostname }) => hostname === "asked.internal",
    { proxy: proxy.origin },
  ],
});
instrumentOutgoing(experiments);

afterEach(() => {
  for (const server of [cart, partner, proxy]) server.clear();
});

afterAll(async () => {
  await close();
  for (const server of [cart, partner, proxy]) await server.close();
});

type Target = readonly [target: string, isAllowed: boolean];

/** What a request over a connection to an allowed origin or to a named proxy may name. */
const targets: readonly Target[] = [
  [`${cart.origin}/x`, true],
  [`${cart.origin}/http://evil.test/`, true],
  [`HTTP://127.0.0.1:${cart.port}/x`, true],
  [cart.origin, true],
  ["http://a.shop.internal/x", true],
  ["http://A.SHOP.internal:80/x", true],
  ["http://asked.internal/x?y=http://evil.test", true],
  [`${partner.origin}/x`, false],
  ["http://evil.test/x", false],
  ["http://evil.test//a.shop.internal/", false],
  ["https://a.shop.internal/x", false],
  ["http://a.shop.internal:8080/x", false],
  ["http://a.shop.internal./x", false],
  ["http://user:pass@a.shop.internal/x", false],
  ["http://@a.shop.internal/x", false],
  ["http://a.shop.internal@evil.test/x", false],
  ["http://a.shop.internal\\@evil.test/x", false],
  ["http://evil.test\\@a.shop.internal/x", false],
  ["http://a.shop.internal\\.evil.test/x", false],
  ["http://a.shop.internal#@evil.test/x", false],
  ["http://a.shop.internal?@evil.test/x", false],
  ["http://a.shop.internal%2f.evil.test/x", false],
  ["http://%61.shop.internal/x", false],
  ["http:///a.shop.internal/x", false],
  ["http:\\\\a.shop.internal/x", false],
  ["http:a.shop.internal/x", false],
  ["http:/a.shop.internal/x", false],
  ["http://0177.0.0.1/x", false],
  ["ws://a.shop.internal/x", false],
  ["blob:http://a.shop.internal/x", false],
  ["a.shop.internal:80", false],
  ["a.shop.internal", false],
  ["?http://a.shop.internal/", false],
  ["\\\\a.shop.internal/x", false],
  ["*", false],
];

/** What begins with a slash is a path of the origin that is connected to, whatever it looks like. */
const paths: readonly string[] = ["/x", "//evil.test/x", "//a.shop.internal/x", "/\\evil.test/x", "/http://evil.test/"];

/** Sends one request over a connection to an origin. Rejects if the client refuses it. */
interface Sender {
  readonly name: string;
  /** Whether it shows where a path and where an absolute form goes. */
  readonly shows: { readonly path: boolean; readonly absolute: boolean };
  send(origin: string, target: string, headers?: http.OutgoingHttpHeaders): Promise<unknown>;
}

function overHttp(options: http.RequestOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    http
      .request(options, (response) => response.resume().on("end", resolve))
      .on("error", reject)
      .end();
  });
}

const senders: readonly Sender[] = [
  {
    name: "node:http",
    shows: { path: SHOWS_DESTINATION, absolute: SHOWS_DESTINATION },
    send: (origin, path, headers = {}) => {
      const { hostname: host, port } = new URL(origin);
      return overHttp({ host, port, path, headers, agent: false });
    },
  },
  ...undiciMajors.flatMap(({ name, major, undici }) =>
    (["Client", "Pool"] as const).map((kind) => ({
      name: `a ${kind} of ${name}`,
      shows: { path: true, absolute: major > 6 },
      send: async (origin: string, path: string, headers: http.OutgoingHttpHeaders = {}) => {
        const dispatcher = new undici[kind](origin);
        try {
          const { body } = await dispatcher.request({ path, method: "GET", headers });
          await body.dump();
        } finally {
          await dispatcher.destroy();
        }
      },
    })),
  ),
];

/** What arrived in the place of what may, for each target that the client does not refuse. */
async function faultsOf(
  { send }: Sender,
  to: typeof cart,
  cases: readonly Target[],
  headers?: http.OutgoingHttpHeaders,
): Promise<readonly string[]> {
  const faults: string[] = [];
  let sent = 0;
  await serve(own("express"), async () => {
    for (const [target, isAllowed] of cases) {
      to.clear();
      const isSent = await send(to.origin, target, { ...headers, baggage: `user=1,${own("stale")}` }).then(
        () => true,
        () => false,
      );
      if (!isSent) continue;
      sent++;
      const [lines] = arrivals(to);
      const expected = isAllowed ? `user=1,${own("express")}` : "user=1";
      if (lines?.join() !== expected) faults.push(`${target}: ${lines?.join()}`);
    }
  });
  return sent >= Math.min(cases.length, 2) ? faults : ["nothing was sent"];
}

describe.each(senders)("$name: the origin that is connected to and the target that is named", (sender) => {
  const { shows } = sender;

  test("TGT-01 an origin that is not named gets nothing, whatever the target is", async () => {
    const all = [...targets.map(([target]) => target), ...paths];
    expect(
      await faultsOf(
        sender,
        partner,
        all.map((target) => [target, false]),
      ),
    ).toEqual([]);
  });

  test("TGT-02 an allowed origin gets own members for allowed targets alone", async () => {
    const cases = targets.map(([target, isAllowed]): Target => [target, isAllowed && shows.absolute]);
    expect(await faultsOf(sender, cart, cases)).toEqual([]);
    expect(
      await faultsOf(
        sender,
        cart,
        paths.map((path) => [path, shows.path]),
      ),
    ).toEqual([]);
  });

  test("TGT-03 a proxy that is named as one gets own members for allowed targets alone, and none for itself", async () => {
    const cases = targets.map(([target, isAllowed]): Target => [target, isAllowed && shows.absolute]);
    expect(await faultsOf(sender, proxy, cases)).toEqual([]);
    expect(
      await faultsOf(
        sender,
        proxy,
        [...paths, `${proxy.origin}/x`].map((path) => [path, false]),
      ),
    ).toEqual([]);
  });

  test("TGT-04 the Host header decides nothing", async () => {
    const cases = paths.map((path): Target => [path, shows.path]);
    expect(await faultsOf(sender, cart, cases, { host: "evil.test" })).toEqual([]);
    const denied = paths.map((path): Target => [path, false]);
    expect(await faultsOf(sender, partner, denied, { host: `127.0.0.1:${cart.port}` })).toEqual([]);
    expect(await faultsOf(sender, partner, denied, { host: "a.shop.internal" })).toEqual([]);
  });
});

/** Leads every name to the partner, as a resolver could that answers for any name. */
const leading = new http.Agent();
leading.createConnection = () => net.connect(partner.port, "127.0.0.1");

describe("the authority of a request of node:http", () => {
  test.each([
    "a.shop.internal/.evil.test",
    "asked.internal/.evil.test",
    "a.shop.internal\\.evil.test",
    "a.shop.internal?.evil.test",
    "a.shop.internal#.evil.test",
    "a.shop.internal/",
    "user@a.shop.internal",
    "user:a@asked.internal",
    "a.shop.internal:80",
    "%61.shop.internal",
    "a%2Eshop.internal",
    "a.sh\top.internal",
    "a.shop.internal\t",
    " a.shop.internal",
    "a.shop\u00adinternal",
    "a.\u00adshop.internal",
    "a。shop.internal",
    "ａ.shop.internal",
    "//a.shop.internal",
    "[a.shop.internal]",
  ])("TGT-05 %j is no allowed host, since Node connects to what is written", async (host) => {
    await serve(own("express"), async () => {
      for (const headers of [{}, { host: "a.shop.internal" }]) {
        // Node refuses some of them itself, in the Host header.
        await overHttp({ host, agent: leading, headers }).catch(() => undefined);
      }
    });
    expect(arrivals(partner).flat()).toEqual([]);
    expect(partner.requests.length).toBeGreaterThan(0);
  });

  test.each(["a.shop.internal", "A.Shop.Internal", "asked.internal"])("TGT-06 %s is an allowed host", async (host) => {
    await serve(own("express"), () => overHttp({ host, agent: leading }));
    expect(arrivals(partner)).toEqual([SHOWS_DESTINATION ? [own("express")] : []]);
  });
});

/** As http-proxy-agent 7 does it: the path is rewritten before the request is published. */
class RewritingAgent extends http.Agent {
  readonly proxy: URL;

  constructor(origin: string) {
    super();
    this.proxy = new URL(origin);
  }

  // Node's types leave out the method that makes a connection for a request.
  addRequest(request: http.ClientRequest, options: http.RequestOptions): void {
    request.path = `http://${options.host}${request.path}`;
    request.onSocket(net.connect(Number(this.proxy.port), this.proxy.hostname));
  }
}

/** As http-proxy-agent 5 does it: the path is rewritten later, and the header block is made again. */
class LateAgent extends RewritingAgent {
  override addRequest(request: http.ClientRequest, options: http.RequestOptions): void {
    setImmediate(() => {
      Reflect.set(request, "_header", null);
      request.path = `http://${options.host}${request.path}`;
      Reflect.apply(Reflect.get(request, "_implicitHeader"), request, []);
      const [first] = Reflect.get(request, "outputData");
      first.data = Reflect.get(request, "_header") + first.data.slice(first.data.indexOf("\r\n\r\n") + 4);
      request.onSocket(net.connect(Number(this.proxy.port), this.proxy.hostname));
    });
  }
}

describe.each([
  ["an agent that rewrites the path", RewritingAgent],
  ["an agent that rewrites the path later", LateAgent],
])("%s", (_name, ProxyAgent) => {
  test("TGT-07 sends own members for an allowed target, through a proxy that is named", async () => {
    const headers = { baggage: `user=1,${own("stale")}` };
    await serve(own("express"), async () => {
      for (const host of ["a.shop.internal", "evil.test"]) {
        for (const { origin } of [proxy, partner]) {
          await overHttp({ host, path: "/x", agent: new ProxyAgent(origin), headers });
        }
      }
    });
    expect(proxy.requests.map(({ start }) => start)).toEqual([
      "GET http://a.shop.internal/x HTTP/1.1",
      "GET http://evil.test/x HTTP/1.1",
    ]);
    expect(arrivals(proxy)).toEqual([[`user=1,${own("express")}`], ["user=1"]]);
    expect(arrivals(partner)).toEqual([["user=1"], ["user=1"]]);
  });
});

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

test.runIf(major > 24 || (major === 24 && minor >= 5))(
  "TGT-12 an agent of Node goes past its proxy by NO_PROXY: the origin that is connected to counts",
  async () => {
    const agent = new http.Agent({ proxyEnv: { HTTP_PROXY: proxy.origin, NO_PROXY: "127.0.0.1" } });
    await serve(own("express"), async () => {
      for (const { port } of [partner, cart]) {
        for (const path of ["http://a.shop.internal/x", `${cart.origin}/x`, "/x"]) {
          await overHttp({ host: "127.0.0.1", port, path, agent });
        }
      }
    });
    expect(arrivals(partner)).toEqual([[], [], []]);
    // Which way an absolute form goes is known only where it names the origin that is asked for.
    expect(arrivals(cart)).toEqual([[], [own("express")], [own("express")]]);
  },
);

/** A request of undici, as it is published, with an `addHeader` as undici has it. */
function published(properties: object): { readonly headers: unknown[] } {
  const headers: unknown[] = ["x-one", "1", "baggage", `user=1,${own("stale")}`, "otel-experiments-ticket", "x"];
  const request = {
    origin: cart.origin,
    path: "/x",
    method: "GET",
    headers,
    addHeader: (name: string, value: unknown) => void headers.push(name, String(value)),
  };
  Object.defineProperties(request, Object.getOwnPropertyDescriptors(properties));
  diagnosticsChannel.channel("undici:request:create").publish({ request });
  for (const value of [`late=1,${own("late")}`, { toString: () => own("odd") }]) request.addHeader("Baggage", value);
  return request;
}

describe("a request of undici whose destination cannot be found", () => {
  const failing: { readonly [name: string]: object } = {
    "an origin that throws": { origin: { toString: boom } },
    "an origin without text": { origin: Object.create(null) },
    "no origin": { origin: undefined },
    "an origin that is no URL": { origin: "http://[" },
    "an origin with a path": { origin: `${cart.origin}/.evil.test` },
    "an origin behind a user": { origin: cart.origin.replace("//", "//user@") },
    "a getter that throws": Object.defineProperty({}, "origin", { get: boom, enumerable: true }),
    "a method that throws": Object.defineProperty({}, "method", { get: boom, enumerable: true }),
    "a path that is no text": { path: 5 },
    "a path that throws": Object.defineProperty({}, "path", { get: boom, enumerable: true }),
    "no path": { path: undefined },
  };

  test.each(Object.entries(failing))("TGT-11 %s: own members are off, what is added later too", (_name, properties) => {
    expect(published(properties).headers).toEqual(["x-one", "1", "baggage", "user=1,late=1"]);
  });
});

function boom(): never {
  throw new Error("boom");
}
