import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// A process may load several copies of the package: its ES modules and its CommonJS, or two versions. They are one for
// users, so what a module keeps is in a slot of `src/process-wide.ts`, and no class of ours is asked by `instanceof`.

const ROOT = join(import.meta.dirname, "../..");

interface Own {
  /** The file and the line of code, in part. */
  readonly at: string;
  readonly reason: string;
}

/** What each copy has for itself. */
const OWN: readonly Own[] = [
  { at: "src/assignment/catalog.ts: const NONE_DECLARED", reason: "stays empty" },
  { at: "src/fields/compiled-fields.ts: const NO_FIELDS", reason: "stays empty" },
  { at: "src/fields/pattern.ts: let everyCharacter", reason: "a constant, made when it is needed" },
  { at: "src/http-spans/client-span-channels.ts: let followers", reason: "counts the copy's own subscriptions" },
  { at: "src/http-spans/http-attributes.ts: let knownMethods", reason: "read from the environment" },
  { at: "src/http-spans/missing-server-span.ts: let isSaid", reason: "warnOnce says the same once for all copies" },
  {
    at: "adapters/inbound/koa.ts: const HANDLING",
    reason: "each copy puts its own onerror on a context, and finds it by this",
  },
  {
    at: "src/outbound/stop-http.ts: const BLOCK",
    reason: "each copy puts its own methods on a request, and finds them by this",
  },
  {
    at: "src/outbound/stop-undici.ts: const STOPPED",
    reason: "each copy puts its own addHeader on a request, and finds its state by this",
  },
  {
    at: "src/inbound/emitters.ts: const EMIT",
    reason: "each copy puts its own emit on an emitter, and finds the one before by this",
  },
  { at: "src/inbound/emitters.ts: const REQUEST", reason: "the same, for the request of a response" },
  { at: "src/instance/first-hour.ts: let arrived", reason: "counts for the copy's own instances" },
  { at: "src/instance/first-hour.ts: let isWatching", reason: "the same" },
  { at: "src/outbound/given-headers.ts: instanceof Remembered", reason: "another copy's is read once more" },
  { at: "src/outbound/stop-http.ts: let noOwnerMade", reason: "belongs to no request, and never changes" },
  { at: "src/outbound/http-destination.ts: let authorityKey", reason: "a symbol of Node's, found again" },
  { at: "src/outbound/http-destination.ts: const connections", reason: "what the URL parser says" },
  { at: "src/outbound/undici/build.ts: const builds", reason: "read from undici's own classes" },
  {
    at: "adapters/outbound/fetch/marking-dispatcher.ts: const marking",
    reason: "a second copy's marks the same handler",
  },
  { at: "adapters/outbound/undici/api-handler.ts: const wrappers", reason: "made from undici's own classes" },
  { at: "src/outbound/undici/node-agent.ts: let newer", reason: "the answer for the dispatcher that was seen last" },
  { at: "src/outbound/undici/node-agent.ts: let older", reason: "the same" },
  { at: "src/outbound/undici/node-agent.ts: let unlimited", reason: "the same" },
  { at: "src/outbound/undici/package.ts: const versions", reason: "read from the folders of packages" },
  { at: "src/telemetry/events.ts: let lastProvider", reason: "a provider gives the same logger again" },
  { at: "src/telemetry/events.ts: let lastLogger", reason: "the same" },
  { at: "adapters/inbound/express/mount-path.ts: const chains", reason: "read from the application's router" },
  { at: "adapters/sdk/register/decoration.ts: instanceof DecoratedPropagator", reason: "register acts once a process" },
  { at: "adapters/sdk/register/replaced-method.ts: const decorated", reason: "register acts once a process" },
  { at: "adapters/sdk/views.ts: instanceof PairProcessor", reason: "a second one adds what is there already" },
];

const sources = globSync("{src,adapters,testing}/**/*.ts", { cwd: ROOT }).map((file) => ({
  file,
  code: readFileSync(join(ROOT, file), "utf8"),
}));

/** What keeps something between two calls: a variable, and a collection or symbol that begins empty. */
const STATE =
  /^(?:export )?(?:(let \w+)|(const \w+)\b(?!: Readonly)[^=\n]*=\s+(?:new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\)|new AsyncLocalStorage|Symbol\())/gm;

test("FMT-01 modules keep nothing for themselves, but for what is listed here with its reason", () => {
  expect(sources.length).toBeGreaterThan(100);
  const found = sources.flatMap(({ file, code }) =>
    [...code.matchAll(STATE)].map(([, variable, constant]) => `${file}: ${variable ?? constant}`),
  );
  const listed = OWN.map(({ at }) => at).filter((at) => !at.includes("instanceof"));
  expect(found.toSorted()).toEqual(listed.toSorted());
});

test("FMT-02 no class of ours is asked by instanceof, but for what is listed here with its reason", () => {
  const classes = new Set(sources.flatMap(({ code }) => [...code.matchAll(/\bclass (\w+)/g)].map(([, name]) => name)));
  expect(classes.size).toBeGreaterThan(20);
  const found = sources.flatMap(({ file, code }) =>
    [...code.matchAll(/ instanceof (\w+)/g)]
      .filter(([, name]) => classes.has(name))
      .map(([, name]) => `${file}: instanceof ${name}`),
  );
  const listed = OWN.map(({ at }) => at).filter((at) => at.includes("instanceof"));
  expect(found.toSorted()).toEqual(listed.toSorted());
});

test("FMT-03 no object of ours reads a private member of another one, whose class may be another copy's", () => {
  const found = sources.flatMap(({ file, code }) =>
    [...code.matchAll(/\b(?!this\b)([\w]+)\??\.#(\w+)/g)].map(([access]) => `${file}: ${access}`),
  );
  // These are of an object that the same method has just made.
  const made = /^src\/(?:flow\/part\.ts: flow|policy\/destination\.ts: destination)\./;
  expect(found.filter((access) => !made.test(access))).toEqual([]);
});
