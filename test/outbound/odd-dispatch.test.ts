import { PassThrough, Readable, type Writable } from "node:stream";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, describe, expect, test } from "vitest";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { rawHandler } from "../support/clients/raw-handler.ts";
import type { Interceptor } from "../support/clients/undici.ts";
import { type Undici, undiciMajors } from "../support/clients/undici-majors.ts";
import { describeError, outcomeOf } from "../support/odd/outcome.ts";
import { openStage, own } from "../support/service-stage.ts";

const allowed = await startAnsweringServer();
const denied = await startAnsweringServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });
afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
});

/** `/flaky` is unavailable the first time, `/upgrade` upgrades, `/late` aborts before it answers. */
async function startAnsweringServer(): Promise<WireServer> {
  const server = await startWireServer(async ({ start }) => {
    const path = start.split(" ")[1] ?? "";
    if (path.endsWith("/flaky") && server.requests.length < 2) return { status: 503, lines: ["retry-after: 0"] };
    if (path.endsWith("/upgrade")) return { status: 101, lines: ["connection: upgrade", "upgrade: x"] };
    if (path.endsWith("/late")) late.abort();
    return { body: "answer" };
  });
  return server;
}

let late = new AbortController();

function aborted(): object {
  late = new AbortController();
  return { path: "/late", signal: late.signal };
}

/** A dispatcher that an interceptor is composed with. */
interface OddDispatcher {
  readonly name: string;
  readonly make: (undici: Undici, origin: string) => Dispatcher;
  readonly compose?: (undici: Undici, interceptor: Interceptor) => Interceptor[];
}

const retry = (undici: Undici): Interceptor => undici.interceptors.retry({ maxRetries: 1, minTimeout: 1 });

const dispatchers: readonly OddDispatcher[] = [
  { name: "an Agent", make: (undici) => new undici.Agent() },
  { name: "a Client", make: (undici, origin) => new undici.Client(origin, { pipelining: 2 }) },
  { name: "a Pool", make: (undici, origin) => new undici.Pool(origin, { connections: 2 }) },
  { name: "a BalancedPool", make: (undici, origin) => new undici.BalancedPool(origin) },
  { name: "a RoundRobinPool", make: (undici, origin) => new undici.RoundRobinPool(origin) },
  {
    name: "a RetryAgent",
    make: (undici) => new undici.RetryAgent(new undici.Agent(), { maxRetries: 1, minTimeout: 1 }),
  },
  {
    name: "a ProxyAgent without a tunnel",
    make: (undici) => new undici.ProxyAgent({ uri: denied.origin, proxyTunnel: false }),
  },
  {
    name: "an Agent that retries, ours outside",
    make: (undici) => new undici.Agent(),
    compose: (undici, interceptor) => [retry(undici), interceptor],
  },
  {
    name: "an Agent that retries, ours inside",
    make: (undici) => new undici.Agent(),
    compose: (undici, interceptor) => [interceptor, retry(undici)],
  },
];

/** A call of undici's API. It says what came of it. */
interface Way {
  readonly name: string;
  readonly call: (dispatcher: Dispatcher, options: object) => Promise<string>;
}

/** undici's methods, which are given odd options. */
type Callback = (error: unknown, data: unknown) => void;

async function callbackOf(run: (done: Callback) => void, read: (data: unknown) => Promise<string>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<{ error: unknown; data: unknown }>();
  run((error, data) => resolve({ error, data }));
  const { error, data } = await promise;
  return error === null || error === undefined ? read(data) : `called back with ${describeError(error)}`;
}

async function readBody(data: unknown): Promise<string> {
  // why: undici gives it
  const { statusCode, body } = data as Dispatcher.ResponseData;
  return `${statusCode} ${await body.text()}`;
}

async function readUpgrade(data: unknown): Promise<string> {
  // why: as above
  const { headers, socket } = data as Dispatcher.UpgradeData;
  socket.on("error", () => undefined);
  socket.destroy();
  return `upgraded ${JSON.stringify(headers)}`;
}

/** Calls a method by its name: its types do not take odd options. */
function invoke(dispatcher: Dispatcher, name: keyof Dispatcher, ...given: readonly unknown[]): unknown {
  // why: it is one of undici's methods
  return Reflect.apply(dispatcher[name] as () => unknown, dispatcher, given);
}

const ways: readonly Way[] = [
  { name: "request", call: async (dispatcher, options) => readBody(await invoke(dispatcher, "request", options)) },
  {
    name: "request with a callback",
    call: (dispatcher, options) => callbackOf((done) => invoke(dispatcher, "request", options, done), readBody),
  },
  {
    name: "request and dump",
    call: async (dispatcher, options) => {
      // why: undici gives it
      const { body } = (await invoke(dispatcher, "request", options)) as Dispatcher.ResponseData;
      await body.dump();
      return "dumped";
    },
  },
  {
    name: "stream",
    call: async (dispatcher, options) => {
      const sink = new PassThrough();
      sink.on("error", () => undefined);
      await invoke(dispatcher, "stream", options, () => sink);
      return String(sink.read());
    },
  },
  {
    name: "pipeline",
    call: (dispatcher, options) =>
      new Promise((resolve) => {
        const duplex = invoke(dispatcher, "pipeline", options, ({ body }: { body: unknown }) => body);
        Readable.from([])
          // why: undici gives it
          .pipe(duplex as Writable)
          .on("error", (error) => resolve(`emitted ${describeError(error)}`))
          .on("data", () => undefined)
          .on("end", () => resolve("ended"));
      }),
  },
  {
    name: "upgrade",
    call: async (dispatcher, options) =>
      readUpgrade(await invoke(dispatcher, "upgrade", { ...options, path: "/upgrade" })),
  },
  {
    name: "upgrade with a callback",
    call: (dispatcher, options) =>
      callbackOf((done) => invoke(dispatcher, "upgrade", { ...options, path: "/upgrade" }, done), readUpgrade),
  },
  { name: "connect", call: async (dispatcher, options) => readUpgrade(await invoke(dispatcher, "connect", options)) },
];

const odd: readonly (readonly [name: string, make: () => object])[] = [
  ["nothing odd", () => ({})],
  ["a path that is flaky", () => ({ path: "/flaky" })],
  ["a path that is null", () => ({ path: null })],
  ["a method that is a number", () => ({ method: 5 })],
  ["headers that are a number", () => ({ headers: 5 })],
  ["headers that are a line", () => ({ headers: "a: b" })],
  ["an odd array of headers", () => ({ headers: ["a"] })],
  ["a header that is an object", () => ({ headers: { "x-a": {} } })],
  ["headers of several lines", () => ({ headers: ["x-a", ["1", "2"], "X-a", "3"] })],
  ["two lengths", () => ({ headers: { "content-length": "0", "Content-Length": "0" } })],
  ["Headers", () => ({ headers: new Headers({ "x-a": "1" }) })],
  ["a pseudo header", () => ({ headers: { ":path": "/other" } })],
  ["a body", () => ({ method: "POST", body: "text" })],
  ["a body that is a stream", () => ({ method: "POST", body: Readable.from(["text"]) })],
  ["a body that is none", () => ({ method: "POST", body: 5 })],
  ["a signal that is aborted", () => ({ signal: AbortSignal.abort() })],
  ["a signal that is aborted with a reason", () => ({ signal: AbortSignal.abort(new RangeError("a reason")) })],
  ["a signal that is none", () => ({ signal: {} })],
  ["a signal that comes late", aborted],
  ["a signal that comes too late", () => ({ signal: AbortSignal.timeout(10_000) })],
  ["throwOnError", () => ({ throwOnError: true })],
  ["a reset", () => ({ reset: true })],
  ["a reset that is none", () => ({ reset: "x" })],
  ["raw headers", () => ({ responseHeaders: "raw" })],
  ["an upgrade", () => ({ upgrade: "x" })],
  ["an upgrade that is none", () => ({ upgrade: {} })],
  ["a protocol that is none", () => ({ protocol: 5 })],
  ["a time that is none", () => ({ headersTimeout: -1 })],
];

const empty: Interceptor = (dispatch) => (options, handler) => dispatch(options, handler);
const plain: Interceptor = experimentInterceptor(experiments);
const spanning: Interceptor = experimentInterceptor(experiments, { spans: true });

/** Whom a request without a variant, or with one, goes to, and by which interceptor. */
const situations = [
  { origin: allowed.origin, variant: "", ours: plain },
  { origin: allowed.origin, variant: own("express"), ours: plain },
  { origin: allowed.origin, variant: own("express"), ours: spanning },
  { origin: denied.origin, variant: own("express"), ours: plain },
] as const;

/** What the dispatchers differ in; an Agent is tried with all. */
const FEW: ReadonlySet<string> = new Set([
  "nothing odd",
  "a path that is flaky",
  "a path that is null",
  "headers that are a number",
  "headers of several lines",
  "a body that is a stream",
  "a signal that comes late",
]);

describe.each(undiciMajors)("$name", (major) => {
  const { undici } = major;

  describe.each(dispatchers.filter(({ name }) => name !== "a RoundRobinPool" || "RoundRobinPool" in undici))(
    "$name",
    ({ make, compose = (_undici, interceptor) => [interceptor] }) => {
      const rows = make === dispatchers[0]?.make ? odd : odd.filter(([name]) => FEW.has(name));
      test.each(rows)(
        "ODD-07 every way of undici comes to the same as with an empty interceptor: %s",
        async (_, options) => {
          const withoutOurs = new Map<string, unknown>();
          for (const { origin, variant, ours } of situations) {
            const outcomes = async (interceptor: Interceptor): Promise<unknown> => {
              const results: unknown[] = [];
              for (const { name, call } of ways) {
                const dispatcher = make(undici, origin);
                const composed = dispatcher.compose(compose(undici, interceptor));
                const { events, arrived, baggage } = await outcomeOf([allowed, denied], async (report) =>
                  serve(variant, async () => {
                    const given = { origin, path: "/x", method: "GET", ...options() };
                    report(
                      await call(composed, given).catch((error: unknown) => `failed with ${describeError(error)}`),
                    );
                  }),
                );
                await dispatcher.destroy();
                const isMine = baggage.every((line) => line === own("express") && origin === allowed.origin);
                results.push({ name, events, arrived, isMine });
              }
              return results;
            };
            // An empty interceptor comes to the same whatever the variant.
            if (!withoutOurs.has(origin)) withoutOurs.set(origin, await outcomes(empty));
            expect(await outcomes(ours)).toEqual(withoutOurs.get(origin));
          }
        },
      );
    },
  );

  const handlers: readonly (readonly [name: string, make: (handler: object) => unknown])[] = [
    ["undefined", () => undefined],
    ["null", () => null],
    ["a number", () => 5],
    ["a function", () => () => undefined],
    ["an empty object", () => ({})],
    ["a frozen one", (handler) => Object.freeze(handler)],
    ["a sealed one", (handler) => Object.seal(handler)],
    ["members that are fixed", (handler) => Object.defineProperties({}, fixed(handler))],
    ["inherited members", (handler) => Object.create(handler)],
    ["a proxy", (handler) => new Proxy(handler, {})],
    ["a member that is none", (handler) => ({ ...handler, onRequestStart: 5, onConnect: 5 })],
    ["a first member that throws", (handler) => ({ ...handler, onRequestStart: broken, onConnect: broken })],
    ["a member that throws", (handler) => ({ ...handler, onResponseStart: broken, onHeaders: broken })],
  ];

  // undici 7 tells nobody that these are none.
  const silent = major.major === 7 ? ["a number", "a function", "an empty object"] : [];
  test.each(handlers.filter(([name]) => !silent.includes(name)))(
    "ODD-08 a handler is told the same as with an empty interceptor: %s",
    async (_, makeHandler) => {
      const withoutOurs = new Map<string, unknown>();
      for (const { origin, variant, ours } of situations) {
        const outcome = async (interceptor: Interceptor): Promise<unknown> => {
          const agent = new undici.Agent();
          const composed = agent.compose(interceptor);
          const { events, arrived } = await outcomeOf([allowed, denied], (report) =>
            serve(variant, async () => {
              const { promise, resolve } = Promise.withResolvers<void>();
              const handler = rawHandler(major, {
                onEnd: () => {
                  report("ended");
                  resolve();
                },
                onError: (error) => {
                  report(describeError(error));
                  resolve();
                },
              });
              try {
                invoke(composed, "dispatch", { origin, path: "/x", method: "GET" }, makeHandler(handler));
                await promise;
              } catch (error) {
                report(`threw ${describeError(error)}`);
              }
            }),
          );
          await agent.destroy();
          return { events, arrived };
        };
        if (!withoutOurs.has(origin)) withoutOurs.set(origin, await outcome(empty));
        expect(await outcome(ours)).toEqual(withoutOurs.get(origin));
      }
    },
  );
});

function broken(): never {
  throw new RangeError("it broke");
}

/** The members as ones that cannot be changed. */
function fixed(handler: object): PropertyDescriptorMap {
  return Object.fromEntries(Object.entries(handler).map(([name, value]: [string, unknown]) => [name, { value }]));
}
