import diagnosticsChannel from "node:diagnostics_channel";
import { once } from "node:events";
import net from "node:net";
import { SpanStatusCode } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { unmarkedCalls } from "../../../src/outbound/unmarked-call.ts";
import { rawHandler } from "../../support/clients/raw-handler.ts";
import { type Undici, undiciMajors } from "../../support/clients/undici-majors.ts";
import { startListening } from "../../support/listening.ts";
import { startClientTelemetry } from "./client-telemetry.ts";

const telemetry = startClientTelemetry();
const server = await startMoodyServer();
const experiments = createExperiments({ trustInbound: true });

afterEach(() => telemetry.exporter.reset());

afterAll(async () => {
  await experiments.close();
  await server.close();
});

/** `/hold` is never answered, `/break` breaks off within the body, `/long` has more body than fits, `/503` is that. */
async function startMoodyServer() {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const start = chunk.toString("latin1").split("\r\n")[0] ?? "";
      const answer = (status: string, body: string): boolean =>
        socket.write(`HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      if (start.includes("/hold")) return;
      if (start.includes("/break")) {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", () => setImmediate(() => socket.destroy()));
      } else if (start.includes("/upgrade")) {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: any\r\n\r\n");
      } else if (start.includes("/hints")) {
        socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", () => setImmediate(() => socket.destroy()));
      } else if (start.includes("/half-503")) {
        const head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nhalf";
        socket.write(head, () => setImmediate(() => socket.destroy()));
      } else if (start.includes("/interim")) {
        socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
        answer("200 OK", "answer");
      } else if (start.includes("/long")) answer("200 OK", "x".repeat(4_000_000));
      else answer(start.includes("/503") ? "503 Service Unavailable" : "200 OK", "answer");
    });
  });
  const port = await startListening(listener);
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, "close");
    },
  };
}

const gone = await startMoodyServer();
await gone.close();

/** How a call ends that does not end well, by the client and with the names that its errors have. */
interface Ending {
  readonly name: string;
  readonly act: (client: Client) => Promise<unknown>;
  readonly expected: { readonly errorType: RegExp; readonly status?: number };
}

interface Client {
  readonly name: string;
  /** Resolves with the status once the answer has begun. */
  begin(url: string, signal?: AbortSignal): Promise<{ read(): Promise<unknown>; cancel(): Promise<unknown> }>;
  /** Takes the connections down. */
  destroy(): Promise<void>;
}

function fetchClient(name: string, inner?: typeof fetch, destroy = async (): Promise<void> => undefined): Client {
  const fetchOnce = experimentFetch(experiments, inner, { spans: true });
  return {
    name,
    async begin(url, signal = new AbortController().signal) {
      const response = await fetchOnce(url, { signal });
      return { read: () => response.text(), cancel: async () => response.body?.cancel() };
    },
    destroy,
  };
}

function requestClient(name: string, undici: Undici): Client {
  const agent = new undici.Agent();
  const dispatcher = agent.compose(experimentInterceptor(experiments, { spans: true }));
  return {
    name,
    async begin(url, signal = new AbortController().signal) {
      const { body } = await undici.request(url, { dispatcher, signal });
      body.on("error", () => undefined);
      return {
        read: () => body.text(),
        cancel: async () => body.destroy(),
      };
    },
    destroy: () => agent.destroy(),
  };
}

const clients: readonly (() => Client)[] = [
  () => fetchClient("the built-in fetch"),
  ...undiciMajors.flatMap(({ name, undici }) => [
    () => {
      const agent = new undici.Agent();
      // why: undici's types of fetch are its own, and nearly those of the built-in one
      const inner = ((url: string, init: object) => undici.fetch(url, { ...init, dispatcher: agent })) as typeof fetch;
      return fetchClient(`${name} fetch`, inner, () => agent.destroy());
    },
    () => requestClient(`${name} request`, undici),
  ]),
];

const endings: readonly Ending[] = [
  {
    name: "nobody listens",
    act: (client) => client.begin(gone.origin),
    expected: { errorType: /^ECONNREFUSED$/ },
  },
  {
    name: "it is aborted before it is answered",
    async act(client) {
      const controller = new AbortController();
      const answer = client.begin(`${server.origin}/hold`, controller.signal);
      setTimeout(() => controller.abort(), 20);
      await answer;
    },
    expected: { errorType: /^(AbortError|UND_ERR_ABORTED)$/ },
  },
  {
    name: "it is aborted with words of the caller's",
    async act(client) {
      const controller = new AbortController();
      const answer = client.begin(`${server.origin}/hold`, controller.signal);
      setTimeout(() => controller.abort("user 17 went away"), 20);
      await answer;
    },
    expected: { errorType: /^_OTHER$/ },
  },
  {
    name: "the server breaks off",
    act: async (client) => (await client.begin(`${server.origin}/break`)).read(),
    expected: { errorType: /^(UND_ERR_SOCKET|ECONNRESET)$/, status: 200 },
  },
  {
    name: "the body is given up",
    act: async (client) => (await client.begin(`${server.origin}/long`)).cancel(),
    expected: { errorType: /^(AbortError|UND_ERR_ABORTED)$/, status: 200 },
  },
  {
    name: "the server breaks off behind an interim answer",
    act: async (client) => (await client.begin(`${server.origin}/hints`)).read(),
    expected: { errorType: /^(UND_ERR_SOCKET|ECONNRESET)$/ },
  },
  {
    name: "the server breaks off within an error",
    act: async (client) => (await client.begin(`${server.origin}/half-503`)).read(),
    expected: { errorType: /^503$/, status: 503 },
  },
  {
    name: "the status is an error",
    act: async (client) => (await client.begin(`${server.origin}/503`)).read(),
    expected: { errorType: /^503$/, status: 503 },
  },
];

describe("the end of a CLIENT span", () => {
  const cases = clients.flatMap((open) => endings.map((ending) => ({ client: open().name, open, ending })));

  test.each(cases)("CS-40 $client, $ending.name: once, with error.type, and measured so", async ({ open, ending }) => {
    await telemetry.durations();
    const client = open();
    await ending.act(client).catch(() => undefined);
    const spans = await telemetry.ended(1);
    await client.destroy();
    expect(spans).toHaveLength(1);
    const [span] = spans;
    const { errorType, status } = ending.expected;
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes["error.type"]).toMatch(errorType);
    expect(span?.attributes["http.response.status_code"]).toBe(status);
    expect(await telemetry.durations()).toEqual([
      {
        attributes: {
          "http.request.method": "GET",
          "server.address": "127.0.0.1",
          "server.port": expect.any(Number),
          ...(status === undefined ? {} : { "http.response.status_code": status }),
          "error.type": span?.attributes["error.type"],
        },
        count: 1,
      },
    ]);
  });

  test.each(undiciMajors)(
    "CS-41 $name: of a body that nobody reads, when the connection goes",
    async ({ name, undici }) => {
      const client = requestClient(name, undici);
      await client.begin(`${server.origin}/long`);
      expect(telemetry.clients()).toEqual([]);
      await client.destroy();
      const spans = await telemetry.ended(1);
      expect(spans.map(({ attributes }) => attributes["error.type"])).toEqual([expect.stringMatching(/^UND_ERR_\w+$/)]);
    },
  );

  test.each(undiciMajors)(
    "CS-42 $name: of requests that wait behind another one and are dropped",
    async ({ undici }) => {
      const plain = new undici.Client(server.origin);
      const dispatcher = plain.compose(experimentInterceptor(experiments, { spans: true }));
      const calls = Array.from({ length: 3 }, () => undici.request(`${server.origin}/hold`, { dispatcher }));
      for (const call of calls) call.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await plain.destroy();
      await Promise.allSettled(calls);
      const spans = await telemetry.ended(3);
      expect(spans.map(({ attributes }) => attributes["error.type"])).toEqual(
        Array.from({ length: 3 }, () => "UND_ERR_DESTROYED"),
      );
    },
  );

  test.each(undiciMajors)("CS-43 $name: of an upgrade, whose answer is 101", async ({ undici }) => {
    const plain = new undici.Client(server.origin);
    const dispatcher: Dispatcher = plain.compose(experimentInterceptor(experiments, { spans: true }));
    const { socket } = await dispatcher.upgrade({ path: "/upgrade", protocol: "any" });
    const [span, ...others] = await telemetry.ended(1);
    socket.destroy();
    await plain.destroy();
    expect(others).toEqual([]);
    expect(span?.attributes["http.response.status_code"]).toBe(101);
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  });

  test.each(undiciMajors)("CS-47 $name: at the end of the answer, also if whoever asked throws then", async (major) => {
    await telemetry.durations();
    const dispatcher = new major.undici.Agent();
    const composed = dispatcher.compose(experimentInterceptor(experiments, { spans: true }));
    const failed = Promise.withResolvers<unknown>();
    const onEnd = (): never => {
      throw new Error("a handler's own");
    };
    const handler = rawHandler(major, { onEnd, onError: failed.resolve });
    composed.dispatch({ origin: server.origin, path: "/", method: "GET" }, handler);
    await failed.promise;
    const spans = await telemetry.ended(1);
    await dispatcher.destroy();
    expect(spans.map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET]);
    expect((await telemetry.durations()).map(({ count }) => count)).toEqual([1]);
  });

  test("CS-49 whoever aborts may give what throws when it is looked at", async () => {
    for (const open of clients) {
      telemetry.exporter.reset();
      await telemetry.durations();
      const client = open();
      const aborting = new AbortController();
      const { proxy, revoke } = Proxy.revocable({}, {});
      const call = client.begin(`${server.origin}/hold`, aborting.signal).catch(() => undefined);
      setTimeout(() => {
        revoke();
        aborting.abort(proxy);
      }, 20);
      await call;
      const spans = await telemetry.ended(1);
      await client.destroy().catch(() => undefined);
      expect(spans.map(({ attributes }) => attributes["error.type"])).toHaveLength(1);
      expect(spans[0]?.status.code).toBe(SpanStatusCode.ERROR);
      expect((await telemetry.durations()).map(({ count }) => count)).toEqual([1]);
    }
  });

  test("CS-44 interim answers are none", async () => {
    for (const open of clients) {
      telemetry.exporter.reset();
      const client = open();
      await (await client.begin(`${server.origin}/interim`)).read();
      const spans = await telemetry.ended(1);
      await client.destroy();
      expect(spans.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([200]);
    }
  });
});

describe("the call of a request", () => {
  test("CS-46 is over when the request is over, however it ends", async () => {
    const before = unmarkedCalls().live;
    for (const open of clients) {
      for (const { act } of endings) {
        const client = open();
        await act(client).catch(() => undefined);
        await client.destroy();
      }
    }
    await telemetry.ended(clients.length * endings.length);
    expect(telemetry.clients()).toHaveLength(clients.length * endings.length);
    expect(unmarkedCalls().live).toBe(before);
  });
});

describe("closing the experiments", () => {
  const follows = (): boolean =>
    ["headers", "trailers", "error"].some(
      (name) => diagnosticsChannel.channel(`undici:request:${name}`).hasSubscribers,
    );

  test("CS-45 what is under way still has its span, and then nothing of ours listens", async () => {
    const closing = createExperiments({ trustInbound: true });
    await experiments.close();
    expect(follows()).toBe(false);
    const fetchOnce = experimentFetch(closing, { spans: true });
    expect(follows()).toBe(true);
    const response = await fetchOnce(`${server.origin}/long`);
    await closing.close();
    expect(follows()).toBe(true);
    await response.text();
    const spans = await telemetry.ended(1);
    expect(spans.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([200]);
    expect(follows()).toBe(false);
    await (await fetchOnce(server.origin)).text();
    expect(telemetry.clients()).toHaveLength(1);
  });
});
