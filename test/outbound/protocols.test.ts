import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import nodeFetch from "node-fetch";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, EventSource, interceptors, MockAgent, request, WebSocket } from "undici";
import * as undici7 from "undici-7";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { type Undici, undiciMajors } from "../support/clients/undici-majors.ts";
import { selfSigned } from "../support/self-signed.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const plain = http2.createServer();
const secure = http2.createSecureServer(selfSigned());
for (const server of [plain, secure]) server.listen(0, "127.0.0.1");
await Promise.all([once(plain, "listening"), once(secure, "listening")]);

/** What arrived by HTTP/2: baggage, and whatever names a ticket. */
const streams: (readonly unknown[])[] = [];
for (const server of [plain, secure]) {
  server.on("stream", (stream, headers) => {
    const hidden = Object.keys(headers).filter((name) => name.includes("experiment"));
    streams.push([...(headers["baggage"] === undefined ? [] : [headers["baggage"]]), ...hidden]);
    stream.respond({ ":status": 200 });
    stream.end("answer");
  });
}
const plainOrigin = `http://127.0.0.1:${portOf(plain)}`;
const secureOrigin = `https://127.0.0.1:${portOf(secure)}`;

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const proxy = await startRedirectingServer();
const { experiments, serve, close } = await openStage({
  propagateTo: [
    allowed.origin,
    `http://named.test:${allowed.port}`,
    plainOrigin,
    secureOrigin,
    { proxy: proxy.origin },
  ],
});
const ours = experimentInterceptor(experiments);
const mixed = `user=1,${own("stale")},last=2`;

function portOf(server: { address(): unknown }): number {
  // why: a server on a TCP port has an address of this form
  return (server.address() as AddressInfo).port;
}

/** What tunnels were asked for. */
const heads: string[] = [];

async function startTunnel(): Promise<readonly [server: net.Server, origin: string]> {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (head) => {
      heads.push(head.toString("latin1"));
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return [server, `http://127.0.0.1:${portOf(server)}`];
}

afterEach(() => {
  allowed.clear();
  denied.clear();
  proxy.clear();
  streams.splice(0);
});

afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
  await proxy.close();
  plain.close();
  secure.close();
});

describe("HTTP/2 by undici", () => {
  const h2 = undiciMajors.filter(({ major }) => major > 6);

  test.each(undiciMajors)("OUT-H1 $name over TLS: one line, own members where they may go", async ({ undici }) => {
    const agent = new undici.Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    const wrapped = agent.compose(ours);
    const headers = { baggage: mixed };
    const elsewhere = secureOrigin.replace("127.0.0.1", "localhost");
    await serve(own("express"), async () => {
      for (const origin of [secureOrigin, elsewhere]) {
        await (await undici.request(origin, { dispatcher: wrapped, headers })).body.dump();
        await (await undici.request(origin, { dispatcher: agent, headers })).body.dump();
      }
    });
    await agent.destroy();
    expect(streams).toEqual([
      [`user=1,last=2,${own("express")}`],
      ["user=1,last=2"],
      ["user=1,last=2"],
      ["user=1,last=2"],
    ]);
  });

  test.each(h2)("OUT-H2 $name without TLS: one line, own members where they may go", async ({ undici }) => {
    const client = new undici.H2CClient(plainOrigin);
    const headers = ["baggage", "user=1", "baggage", own("stale")];
    await serve(own("express"), async () => {
      await (await client.compose(ours).request({ path: "/", method: "GET", headers })).body.dump();
      await (await client.request({ path: "/", method: "GET", headers })).body.dump();
    });
    await client.destroy();
    expect(streams).toEqual([[`user=1,${own("express")}`], ["user=1"]]);
  });
});

describe("HTTP/2 by node:http2", () => {
  test("OUT-H3 is not reached: what the caller writes there leaves as it is", async () => {
    const session = http2.connect(plainOrigin);
    const stream = session.request({ baggage: mixed });
    stream.resume();
    await once(stream, "end");
    session.close();
    expect(streams).toEqual([[mixed]]);
  });
});

describe("a WebSocket and an EventSource of undici", () => {
  test("OUT-H4 own members that the caller wrote leave with no handshake", async () => {
    const dispatchers = [new Agent(), new Agent().compose(ours)];
    await serve(own("express"), async () => {
      for (const dispatcher of dispatchers) {
        const socket = new WebSocket(denied.origin.replace("http", "ws"), { headers: { baggage: mixed }, dispatcher });
        await new Promise((resolve) => {
          socket.addEventListener("error", resolve);
        });
      }
    });
    for (const dispatcher of dispatchers) await dispatcher.destroy();
    expect(arrivals(denied)).toEqual([["user=1,last=2"], ["user=1,last=2"]]);
  });

  test("OUT-H5 over our interceptor they are shaken hands with where they may", async () => {
    const dispatcher = new Agent().compose(ours);
    await serve(own("express"), async () => {
      const socket = new WebSocket(allowed.origin.replace("http", "ws"), { dispatcher });
      await new Promise((resolve) => {
        socket.addEventListener("error", resolve);
      });
      for (const { origin } of [allowed, denied]) {
        const source = new EventSource(`${origin}/events`, { node: { dispatcher } });
        await new Promise((resolve) => {
          source.addEventListener("error", resolve);
        });
        source.close();
      }
    });
    await dispatcher.destroy();
    expect(arrivals(allowed)).toEqual([[own("express")], [own("express")]]);
    expect(arrivals(denied)).toEqual([[]]);
  });

  test("OUT-H6 the built-in WebSocket's handshake carries no own member that the caller wrote", async () => {
    // why: the constructor's second parameter may hold headers, which the types of browsers do not know
    const options = { headers: { baggage: mixed } } as unknown as string[];
    const socket = new globalThis.WebSocket(denied.origin.replace("http", "ws"), options);
    await new Promise((resolve) => {
      socket.addEventListener("error", resolve);
    });
    expect(arrivals(denied)).toEqual([["user=1,last=2"]]);
  });
});

describe("undici's other interceptors and dispatchers", () => {
  const composing = [
    ["inside", (others: Undici["interceptors"]) => [ours, others.dump(), others.responseError()]],
    ["outside", (others: Undici["interceptors"]) => [others.dump(), others.responseError(), ours]],
  ] as const;

  test.each(composing)("OUT-H7 dump and responseError, ours %s", async (_name, compose) => {
    for (const { undici, major } of undiciMajors) {
      if (major === 6) continue;
      const agent = new undici.Agent();
      const dispatcher = agent.compose([...compose(undici.interceptors)]);
      await serve(own("express"), async () => {
        await (await undici.request(allowed.origin, { dispatcher })).body.dump();
        await (await undici.request(denied.origin, { dispatcher })).body.dump();
      });
      await agent.close();
    }
    expect(arrivals(allowed)).toEqual([[own("express")], [own("express")]]);
    expect(arrivals(denied)).toEqual([[], []]);
  });

  test("OUT-H8 dns shows an address in the place of the name, so that both have to be allowed", async () => {
    const dispatchers = undiciMajors.map(({ undici }) => {
      const dns = undici.interceptors.dns({
        dualStack: false,
        affinity: 4,
        lookup: (_origin, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4, ttl: 1000 }]),
      });
      return { undici, agent: new undici.Agent(), dns };
    });
    const named = await openStage({
      propagateTo: [`http://named.test:${denied.port}`, `http://both.test:${allowed.port}`, allowed.origin],
    });
    for (const { undici, agent, dns } of dispatchers) {
      const dispatcher = agent.compose(dns, experimentInterceptor(named.experiments));
      await named.serve(own("express"), async () => {
        await (await undici.request(`http://named.test:${denied.port}/`, { dispatcher })).body.dump();
        await (await undici.request(`http://other.test:${allowed.port}/`, { dispatcher })).body.dump();
        await (await undici.request(`http://both.test:${allowed.port}/`, { dispatcher })).body.dump();
      });
      await agent.close();
    }
    await named.close();
    expect(arrivals(denied)).toEqual([[], [], []]);
    expect(arrivals(allowed)).toEqual(undiciMajors.flatMap(() => [[], [own("express")]]));
  });

  test("OUT-H9 a request that deduplicate sees behind us is not shared between scopes", async () => {
    const slow = await startWireServer(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return {};
    });
    const {
      experiments: others,
      serve: serveOthers,
      close: closeOthers,
    } = await openStage({
      propagateTo: [slow.origin],
    });
    const agent = new Agent();
    const dispatcher = agent.compose(interceptors.deduplicate(), experimentInterceptor(others));
    await Promise.all(
      ["express", "control"].map((variant) =>
        serveOthers(own(variant), async () => (await request(slow.origin, { dispatcher })).body.dump()),
      ),
    );
    await agent.close();
    await closeOthers();
    await slow.close();
    expect(arrivals(slow).flat().toSorted()).toEqual([own("control"), own("express")]);
  });

  test("OUT-H10 a MockAgent is not reached, for it makes no request; it shows what was dispatched", async () => {
    const seen: unknown[] = [];
    const agent = new MockAgent();
    agent.disableNetConnect();
    agent
      .get(allowed.origin)
      .intercept({ path: "/" })
      .reply(200, ({ headers }) => {
        seen.push(headers);
        return "mocked";
      });
    await serve(own("express"), async () => {
      const { body } = await request(allowed.origin, { dispatcher: agent.compose(ours) });
      expect(await body.text()).toBe("mocked");
    });
    await agent.close();
    expect(seen).toEqual([expect.objectContaining({ "otel-experiments-ticket": expect.any(String) })]);
    expect(allowed.requests).toEqual([]);
  });

  test("OUT-H11 a fetch that is replaced in a test is given the header of its first destination", async () => {
    const seen: (string | null)[] = [];
    const replaced = experimentFetch(experiments, async (_input, init) => {
      seen.push(new Headers(init?.headers).get("baggage"));
      return new Response();
    });
    await serve(own("express"), async () => {
      await replaced(`${allowed.origin}/`, { headers: { baggage: "user=1" } });
      await replaced(`${denied.origin}/`, { headers: { baggage: "user=1" } });
      await replaced(new Request(`${allowed.origin}/`));
      await replaced(new URL(denied.origin));
    });
    expect(seen).toEqual([`user=1,${own("express")}`, "user=1", own("express"), null]);
  });

  test("OUT-H12 the global dispatcher can be ours", async () => {
    const before = undici7.getGlobalDispatcher();
    const agent = new undici7.Agent();
    undici7.setGlobalDispatcher(agent.compose(ours));
    await serve(own("express"), async () => {
      await (await undici7.request(allowed.origin)).body.dump();
      await (await undici7.request(denied.origin)).body.dump();
      await (await undici7.fetch(`${allowed.origin}${go(307, `${denied.origin}/`)}`)).text();
    });
    undici7.setGlobalDispatcher(before);
    await agent.close();
    expect(arrivals(allowed)).toEqual([[own("express")], [own("express")]]);
    expect(arrivals(denied)).toEqual([[], []]);
  });

  test("OUT-H13 a query that undici adds does not change the destination", async () => {
    const dispatcher = new Agent().compose(ours);
    await serve(own("express"), async () => {
      const query = { to: allowed.origin };
      await (await dispatcher.request({ origin: denied.origin, path: "/", method: "GET", query })).body.dump();
      await (
        await dispatcher.request({ origin: new URL(allowed.origin), path: "/", method: "GET", query })
      ).body.dump();
    });
    await dispatcher.close();
    expect(arrivals(denied)).toEqual([[]]);
    expect(arrivals(allowed)).toEqual([[own("express")]]);
  });
});

describe("CONNECT", () => {
  test("OUT-H16 carries nothing of ours, neither what a scope has nor what its caller wrote", async () => {
    const [tunnel, origin] = await startTunnel();
    const { experiments: others, serve: serveOthers, close: closeOthers } = await openStage({ propagateTo: [origin] });
    const headers = { baggage: mixed };
    for (const { undici } of undiciMajors) {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(experimentInterceptor(others));
      await serveOthers(own("express"), async () => {
        const { socket } = await undici.connect(origin, { dispatcher, headers });
        socket.destroy();
      });
      await agent.destroy();
    }
    // A fetch that is made of a CONNECT of node:http, so that this one has a ticket too.
    const overHttp = experimentFetch(others, async (_input, init) => {
      const given = Object.fromEntries(new Headers(init?.headers));
      const connecting = http.request(origin, { method: "CONNECT", path: "/", headers: given }).end();
      const [, socket] = await once(connecting, "connect");
      socket.destroy();
      return new Response();
    });
    await serveOthers(own("express"), () => overHttp(origin, { headers }));
    await closeOthers();
    tunnel.close();
    expect(heads.map((head) => /^baggage: (.*)$/im.exec(head)?.[1])).toEqual(
      Array.from({ length: 4 }, () => "user=1,last=2"),
    );
    expect(heads.filter((head) => !head.startsWith("CONNECT ") || /experiment/i.test(head))).toEqual([]);
  });
});

describe("Node's own support of proxies", () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

  test.runIf(major > 24 || (major === 24 && minor >= 5))(
    "OUT-H14 a proxy and a target both have to be named",
    async () => {
      const over = (by: typeof proxy) => {
        const agent = new http.Agent({ proxyEnv: { HTTP_PROXY: by.origin } });
        return experimentFetch(experiments, (input: string, init?: object) => nodeFetch(input, { ...init, agent }));
      };
      await serve(own("express"), async () => {
        for (const by of [proxy, denied, allowed]) {
          await over(by)(`http://named.test:${allowed.port}/x`);
          await over(by)(`http://other.test:${allowed.port}/x`);
        }
      });
      expect(proxy.requests[0]?.start).toBe(`GET http://named.test:${allowed.port}/x HTTP/1.1`);
      expect(arrivals(proxy)).toEqual([[own("express")], []]);
      expect(arrivals(denied)).toEqual([[], []]);
      // An origin that is named itself sees own members anyway.
      expect(arrivals(allowed)).toEqual([[own("express")], []]);
    },
  );

  test("OUT-H15 so it is with undici's EnvHttpProxyAgent, except that undici 6 hides the proxy", async () => {
    const ways = undiciMajors.flatMap((each) => [proxy, denied].map((by) => ({ ...each, by })));
    for (const { undici, by } of ways) {
      const agent = new undici.EnvHttpProxyAgent({
        httpProxy: by.origin,
        noProxy: "127.0.0.1",
        proxyTunnel: false,
      });
      const dispatcher = agent.compose(ours);
      await serve(own("express"), async () => {
        await (await undici.request(`http://named.test:${allowed.port}/`, { dispatcher })).body.dump();
        await (await undici.request(`http://other.test:${allowed.port}/`, { dispatcher })).body.dump();
        await (await undici.request(allowed.origin, { dispatcher })).body.dump();
      });
      await agent.close();
    }
    // undici 6 shows the target in the place of the proxy.
    const seen = undiciMajors.flatMap((one) => [one.major === 6 ? [] : [own("express")], []]);
    expect(arrivals(proxy)).toEqual(seen);
    expect(arrivals(denied)).toEqual(undiciMajors.flatMap(() => [[], []]));
    expect(arrivals(allowed)).toEqual(undiciMajors.flatMap(() => [[own("express")], [own("express")]]));
  });
});
