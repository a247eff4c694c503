import { AsyncResource } from "node:async_hooks";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { interleave, type Tally, tallyByWay, type Way } from "../support/clients/interleaving.ts";
import type { Interceptor } from "../support/clients/undici.ts";
import { type Undici, undiciMajors } from "../support/clients/undici-majors.ts";
import { startDisorderlyServer } from "../support/disorderly-server.ts";
import { openStage, own } from "../support/service-stage.ts";

vi.setConfig({ testTimeout: 300_000 });

const CALLS = 300;

const server = await startDisorderlyServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
let outgoing = instrumentOutgoing(experiments);
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

describe("a retry whose first try was not seen", () => {
  test("OG-K11 begins before instrumentOutgoing and has none, rather than another one's", async () => {
    const undici = undiciOf(8);
    const stage = await openStage({ propagateTo: [server.origin] });
    outgoing[Symbol.dispose]();
    const agent = new undici.Agent({ connections: 2 });
    const dispatcher = agent.compose(undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 }));
    const started = { calls: 0 };
    const ways: Way[] = [
      {
        name: "it",
        path: "/try/",
        hops: 2,
        open: () => ({
          get: async (url) => {
            if (++started.calls === CALLS / 2) instrumentOutgoing(stage.experiments);
            await fetching(undici, dispatcher)(url);
          },
          close: () => agent.close(),
        }),
      },
    ];
    await interleave({ ways, origin: server.origin, calls: CALLS, atOnce: 48, serve: stage.serve });
    await stage.close();
    outgoing = instrumentOutgoing(experiments);
    const { right, wrong, missing } = tallyByWay(server.requests).get("it") ?? { right: 0, wrong: 0, missing: 0 };
    expect(wrong).toBe(0);
    expect(Math.min(right, missing)).toBeGreaterThan(100);
  });
});

/** A package that goes by undici's name, which starts what waits while somebody else's call dispatches. */
const STARTING_OTHERS = {
  "package.json": JSON.stringify({ name: "undici", version: "8.5.0" }),
  "lib/core/request.js": `
    const channel = require("node:diagnostics_channel").channel("undici:request:create");
    const kHandler = Symbol("handler");
    exports.Request = class Request {
      constructor(origin, headers) {
        Object.assign(this, { headers, origin, path: "/", method: "GET", [kHandler]: { onRequestStart() {} } });
        channel.publish({ request: this });
      }
      addHeader() {}
      onError(again) { again(); }
    };`,
  "lib/handler/retry-handler.js": `exports.onError = (again) => again();`,
  "lib/dispatcher/pool-base.js": `
    const { Request } = require("../core/request.js");
    const { onError } = require("../handler/retry-handler.js");
    const { dispatch, later } = require("./client.js");
    const others = [];
    const kDispatch = Symbol("dispatch");
    const start = {
      pool: function drain(again) { again(); },
      handler: onError,
      request: Request.prototype.onError,
    };
    const pool = {
      [kDispatch](origin, headers) {
        for (const { how, headers } of others.splice(0)) start[how](later(origin, headers));
        dispatch(origin, headers);
      },
    };
    Object.assign(exports, { wait: (how, headers) => others.push({ how, headers }), pool, kDispatch });`,
  "lib/dispatcher/client.js": `
    const { Request } = require("../core/request.js");
    exports.dispatch = (origin, headers) => void new Request(origin, headers);
    exports.later = (origin, headers) => () => exports.dispatch(origin, headers);`,
  "lib/api/api-request.js": `
    const { pool, kDispatch } = require("../dispatcher/pool-base.js");
    exports.request = function request(origin, headers) { pool[kDispatch](origin, headers); };`,
};

describe("what is started within another one's dispatch", () => {
  const copy = join(folder, "starting-others");
  for (const [file, text] of Object.entries(STARTING_OTHERS)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), text);
  }
  // why: the files above
  const { request } = require(join(copy, "lib/api/api-request.js")) as {
    request(origin: string, headers: string[]): void;
  };
  // why: as above
  const { wait } = require(join(copy, "lib/dispatcher/pool-base.js")) as {
    wait(how: string, headers: string[]): void;
  };

  test.each(["pool", "handler", "request"])("OG-K12 by a %s has none, rather than that one's", async (how) => {
    const [waited, direct]: [string[], string[]] = [[], []];
    await serve(own("a"), async () => wait(how, waited));
    await serve(own("b"), async () => request(server.origin, direct));
    expect([waited, direct]).toEqual([[], ["baggage", own("b")]]);
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

test("KN-90 a Node that cannot show the stack loads us all the same, and there nothing is known", async () => {
  const script = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === "node:util" && context.parentURL?.includes("/src/outbound/")
          ? { url: "data:text/javascript,export default {}", shortCircuit: true }
          : next(specifier, context),
    });
    const { buildOf } = await import(process.argv[1] + "build.ts");
    const { isDirectDispatch } = await import(process.argv[1] + "direct-dispatch.ts");
    console.log(buildOf({}).kind, isDirectDispatch());
  `;
  const sources = pathToFileURL(join(import.meta.dirname, "../../src/outbound/undici/")).href;
  const arguments_ = ["--input-type=module", "--eval", script, sources];
  const { stdout } = await promisify(execFile)(process.execPath, arguments_);
  expect(stdout).toBe("unknown false\n");
});
