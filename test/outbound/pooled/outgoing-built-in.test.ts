import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { interleave, type Tally, tallyByWay } from "../../support/clients/interleaving.ts";
import { startDisorderlyServer } from "../../support/disorderly-server.ts";
import { arrivals, openStage, own } from "../../support/service-stage.ts";

// No undici is imported here, so that the dispatcher of the process is Node's own.

vi.setConfig({ testTimeout: 300_000 });

const server = await startDisorderlyServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
const outgoing = instrumentOutgoing(experiments);

const PLACES = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")] as const;

interface NodesAgent {
  close(): Promise<void>;
}

/** Node's own class of Agents, which it does not export. */
async function nodesAgent(options: object): Promise<NodesAgent> {
  await (await fetch(server.origin)).text();
  const dispatchers = PLACES.map((place): unknown => Reflect.get(globalThis, place));
  // why: Node's Agent has the shape of undici's
  const [Agent] = dispatchers.flatMap((dispatcher) =>
    dispatcher?.constructor.name === "Agent" ? [dispatcher.constructor as new (options: object) => NodesAgent] : [],
  );
  if (Agent === undefined) throw new Error("Node's dispatcher is none of its own");
  return new Agent(options);
}

afterEach(() => server.clear());

afterAll(async () => {
  outgoing[Symbol.dispose]();
  await close();
  await server.close();
});

async function tallyOf(fetchOnce: (url: string) => Promise<Response>): Promise<Tally | undefined> {
  server.clear();
  const open = () => ({
    get: async (url: string) => (await fetchOnce(url)).text(),
    close: async () => undefined,
  });
  const ways = [{ name: "fetch", path: "/plain/", hops: 1, open }] as const;
  await interleave({ ways, origin: server.origin, calls: 600, atOnce: 48, serve });
  return tallyByWay(server.requests).get("fetch");
}

test("OG-B1 Node's dispatcher is replaced by one of its class with a limit: none has another one's variant", async () => {
  const limited = await nodesAgent({ connections: 2 });
  const before = PLACES.map((place) => [place, Reflect.get(globalThis, place)] as const);
  for (const [place] of before) Reflect.set(globalThis, place, limited);
  const tally = await tallyOf((url) => fetch(url));
  const wrapped = await tallyOf(experimentFetch(experiments));
  for (const [place, dispatcher] of before) Reflect.set(globalThis, place, dispatcher);
  await limited.close();
  expect(tally?.wrong).toBe(0);
  expect(tally?.missing).toBeGreaterThan(0);
  expect(wrapped).toEqual({ right: 600, wrong: 0, missing: 0 });
  expect(await tallyOf((url) => fetch(url))).toEqual({ right: 600, wrong: 0, missing: 0 });
});

test("OG-B2 one that is given to fetch does not show its limit: a wrapped fetch is right there", async () => {
  const limited = await nodesAgent({ connections: 2 });
  const init: object = { dispatcher: limited };
  const wrapped = experimentFetch(experiments);
  expect(await tallyOf((url) => wrapped(url, init))).toEqual({ right: 600, wrong: 0, missing: 0 });
  await limited.close();
});

test("OG-B3 the handshake of a WebSocket carries nothing of ours", async () => {
  await serve(own("express"), async () => {
    const socket = new WebSocket(server.origin.replace("http", "ws"));
    await new Promise((resolve) => socket.addEventListener("error", resolve));
  });
  expect(arrivals(server)).toEqual([[]]);
});

test("OG-B4 a body that is a stream, and a redirect that fetch follows, stay their request's", async () => {
  await serve(own("express"), async () => {
    const body = new ReadableStream({
      async start(controller) {
        await new Promise(setImmediate);
        controller.enqueue(new TextEncoder().encode("body"));
        controller.close();
      },
    });
    const init: object = { method: "POST", body, duplex: "half" };
    await (await fetch(`${server.origin}/plain/x`, init)).text();
    await (await fetch(`${server.origin}/hop/plain/x`, { method: "POST", body: "text" })).text();
  });
  expect(arrivals(server)).toEqual(Array.from({ length: 3 }, () => [own("express")]));
});
