import { AsyncResource } from "node:async_hooks";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { startDisorderlyServer } from "./disorderly-server.ts";
import { interleave, type Tally, tallyByWay, type Way } from "./harness/interleaving.ts";
import type { Interceptor } from "./harness/undici.ts";
import { openStage } from "./service-stage.ts";
import { type Undici, undiciMajors } from "./undici-majors.ts";

vi.setConfig({ testTimeout: 300_000 });

const CALLS = 300;

const server = await startDisorderlyServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
const outgoing = instrumentOutgoing(experiments);
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "undici-"));

afterEach(() => server.clear());

afterAll(async () => {
  outgoing[Symbol.dispose]();
  await close();
  await server.close();
  rmSync(folder, { recursive: true });
});

/** undici's current major, as if its manifest said something else. */
function undiciAs(name: string, manifest: object): Undici {
  const copy = join(folder, name);
  const original = dirname(require.resolve("undici/package.json"));
  cpSync(original, copy, { recursive: true });
  const file = join(copy, "package.json");
  const said: unknown = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify(Object.assign({}, said, manifest)));
  // why: it is the same code
  return require(copy) as Undici;
}

function undiciOf(major: 6 | 7 | 8): Undici {
  const found = undiciMajors.find((each) => each.major === major);
  if (found === undefined) throw new Error(`there is no undici ${major}`);
  return found.undici;
}

async function tally(
  path: Way["path"],
  get: (url: string) => Promise<unknown>,
  dispatcher?: Dispatcher,
): Promise<Tally | undefined> {
  const open = () => ({ get, close: async () => dispatcher?.close() });
  const ways = [{ name: "it", path, hops: path === "/plain/" ? 1 : 2, open }];
  await interleave({ ways, origin: server.origin, calls: CALLS, atOnce: 48, serve });
  return tallyByWay(server.requests).get("it");
}

const fetching =
  (undici: Undici, dispatcher: Dispatcher) =>
  async (url: string): Promise<unknown> =>
    (await undici.fetch(url, { dispatcher })).text();

const requesting =
  (undici: Undici, dispatcher: Dispatcher) =>
  async (url: string): Promise<unknown> =>
    (await undici.request(url, { dispatcher })).body.dump();

const ALL_RIGHT = { right: CALLS, wrong: 0, missing: 0 };

describe("an undici whose files are not known, as in a bundle", () => {
  const undici = undiciAs("bundled", { name: "app" });

  test("OG-K1 request says itself whose it is, also in a queue", async () => {
    const pool = new undici.Pool(server.origin, { connections: 2 });
    expect(await tally("/plain/", requesting(undici, pool), pool)).toEqual(ALL_RIGHT);
  });

  test("OG-K2 fetch passes nothing on, and wrapped it does", async () => {
    const agent = new undici.Agent();
    expect(await tally("/plain/", fetching(undici, agent))).toEqual({ right: 0, wrong: 0, missing: CALLS });
    server.clear();
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const wrapped = experimentFetch(experiments, undici.fetch as unknown as typeof fetch);
    const init: object = { dispatcher: agent };
    expect(await tally("/plain/", async (url) => (await wrapped(url, init)).text(), agent)).toEqual(ALL_RIGHT);
  });
});

describe("an undici 8 before its pools bound what waits in them", () => {
  const undici = undiciAs("older", { version: "8.12.2" });

  test("OG-K3 fetch passes nothing on from a queue, and everything without one", async () => {
    const limited = new undici.Agent({ connections: 2 });
    const queued = await tally("/plain/", fetching(undici, limited), limited);
    expect(queued?.wrong).toBe(0);
    expect(queued?.missing).toBeGreaterThan(0);
    server.clear();
    const unlimited = new undici.Agent();
    expect(await tally("/plain/", fetching(undici, unlimited), unlimited)).toEqual(ALL_RIGHT);
  });
});

describe("interceptors that hide whose a request is", () => {
  test.each(["dump", "dns", "responseError"] as const)(
    "OG-K4 undici 8 with %s: known as long as nothing waits and nothing is tried again",
    async (name) => {
      const undici = undiciOf(8);
      const agent = new undici.Agent();
      const dispatcher = agent.compose(undici.interceptors[name]());
      expect(await tally("/plain/", requesting(undici, dispatcher), agent)).toEqual(ALL_RIGHT);
    },
  );

  test("OG-K5 undici 8 with retry inside of dump: the second try has none, or its own", async () => {
    const undici = undiciOf(8);
    const agent = new undici.Agent();
    const retry = undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });
    const dispatcher = agent.compose(undici.interceptors.dump(), retry);
    expect(await tally("/try/", requesting(undici, dispatcher), agent)).toEqual({
      right: CALLS,
      wrong: 0,
      missing: CALLS,
    });
  });
});

/** Lets two dispatches be under way at a time, and starts each next one from an earlier one's answer. */
function limiting(bind: (start: () => void) => () => void): Interceptor {
  const waiting: (() => void)[] = [];
  let running = 0;
  return (dispatch) => (options, handler) => {
    const done = (): void => {
      running--;
      waiting.shift()?.();
    };
    const start = bind(() => {
      running++;
      dispatch(options, notifying(handler, done));
    });
    if (running < 2) start();
    else waiting.push(start);
    return true;
  };
}

function notifying(handler: Dispatcher.DispatchHandler, done: () => void): Dispatcher.DispatchHandler {
  return new Proxy(handler, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        try {
          return Reflect.apply(member, target, args);
        } finally {
          if (name === "onResponseEnd" || name === "onResponseError") done();
        }
      };
    },
  });
}

describe("an interceptor of the user's that lets dispatches wait", () => {
  const undici = undiciOf(8);
  const unbound = (): Interceptor => limiting((start) => start);

  test("OG-K6 request is right all the same", async () => {
    const agent = new undici.Agent();
    expect(await tally("/plain/", requesting(undici, agent.compose(unbound())), agent)).toEqual(ALL_RIGHT);
  });

  test("OG-K7 fetch is right where the interceptor binds them", async () => {
    const agent = new undici.Agent();
    const binding = limiting((start) => AsyncResource.bind(start));
    expect(await tally("/plain/", fetching(undici, agent.compose(binding)), agent)).toEqual(ALL_RIGHT);
  });

  test("OG-K8 fetch is right where our interceptor is outside of it", async () => {
    const agent = new undici.Agent();
    const composed = agent.compose(unbound(), experimentInterceptor(experiments));
    expect(await tally("/plain/", fetching(undici, composed), agent)).toEqual(ALL_RIGHT);
  });

  test("OG-K9 one that dispatches fetch's again with a handler that it spreads is known by it", async () => {
    const twice: Interceptor = (dispatch) => (options, handler) => {
      const again = { ...handler };
      return dispatch(options, {
        ...handler,
        onResponseStart: () => undefined,
        onResponseData: () => undefined,
        onResponseEnd: () => void dispatch(options, again),
      });
    };
    const agent = new undici.Agent({ connections: 2 });
    expect(await tally("/try/", fetching(undici, agent.compose(twice)), agent)).toEqual({
      right: 2 * CALLS,
      wrong: 0,
      missing: 0,
    });
  });
});

describe("one version's API over another one's dispatcher", () => {
  test("OG-K10 a fetch of the older kind over undici 8: none has another one's", async () => {
    const [undici8, undici7] = [undiciOf(8), undiciOf(7)];
    const agent = new undici8.Agent();
    const legacy = new undici8.Dispatcher1Wrapper(agent);
    expect(await tally("/plain/", fetching(undici7, legacy), agent)).toEqual(ALL_RIGHT);
    server.clear();
    const limited = new undici8.Agent({ connections: 2 });
    const queued = await tally("/plain/", fetching(undici7, new undici8.Dispatcher1Wrapper(limited)), limited);
    expect(queued?.wrong).toBe(0);
  });
});
