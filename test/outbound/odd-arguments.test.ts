import nodeFetch from "node-fetch";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, describe, expect, test } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { rawHandler } from "../support/clients/raw-handler.ts";
import { type UndiciMajor, undiciMajors } from "../support/clients/undici-majors.ts";
import { oddOptions } from "../support/odd/dispatch-options.ts";
import { oddArguments } from "../support/odd/fetch-arguments.ts";
import { describeError, type Outcome, outcomeOf } from "../support/odd/outcome.ts";
import { openStage, own } from "../support/service-stage.ts";

const allowed = await startWireServer();
const denied = await startWireServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });
afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
});

/** Where a request goes, whether it has a variant, and whether the client makes CLIENT spans. */
const situations = [
  { name: "without a variant", origin: allowed.origin, variant: "", spans: false },
  { name: "without a variant, with spans", origin: allowed.origin, variant: "", spans: true },
  { name: "towards an allowed origin", origin: allowed.origin, variant: own("express"), spans: false },
  { name: "towards an allowed origin, with spans", origin: allowed.origin, variant: own("express"), spans: true },
  { name: "towards one that is not allowed", origin: denied.origin, variant: own("express"), spans: false },
] as const;

type Call = (report: (event: string) => void) => Promise<void>;

/** What a call came to in each situation, and how many of its requests have the variant. */
type Outcomes = readonly (Outcome & { readonly situation: string; readonly carried: number | undefined })[];

/** A client that is wrapped, with CLIENT spans and without. */
interface Wrapped<Client> {
  readonly plain: Client;
  readonly spanning: Client;
}

/** Calls the bare client and the wrapped ones in each situation. The two results are to be the same. */
async function compare<Client>(
  bare: Client,
  wrapped: Wrapped<Client>,
  callOf: (client: Client, origin: string) => Call,
  carries = true,
): Promise<{ expected: Outcomes; actual: Outcomes }> {
  const servers = [allowed, denied];
  const alone = new Map<string, Outcome>();
  for (const { origin } of servers) alone.set(origin, await outcomeOf(servers, callOf(bare, origin)));
  const expected: Outcomes[number][] = [];
  const actual: Outcomes[number][] = [];
  for (const { name: situation, origin, variant, spans } of situations) {
    const client = spans ? wrapped.spanning : wrapped.plain;
    const outcome = await outcomeOf(servers, (report) => serve(variant, () => callOf(client, origin)(report)));
    const isCarried = origin === allowed.origin && variant !== "";
    const isKnown = carries || !isCarried;
    const carried = outcome.baggage.filter((line) => line.includes(own("express"))).length;
    const given = alone.get(origin) ?? outcome;
    expected.push({ situation, ...given, carried: isKnown ? (isCarried ? given.arrived.length : 0) : undefined });
    actual.push({ situation, ...withoutOwn(outcome), carried: isKnown ? carried : undefined });
  }
  return { expected, actual };
}

function withoutOwn(outcome: Outcome): Outcome {
  const baggage = outcome.baggage
    .map((line) => line.replace(own("express"), "").replace(/ *,$/, ""))
    .filter((line) => line !== "");
  return { ...outcome, baggage };
}

/** A call of fetch. A value, a throw and a rejection are told apart. */
function fetchCall(fetchOnce: typeof fetch, make: () => readonly unknown[]): Call {
  return async (report) => {
    let result: unknown;
    try {
      result = Reflect.apply(fetchOnce, undefined, make());
    } catch (error) {
      report(`threw ${describeError(error)}`);
      return;
    }
    try {
      const response = await result;
      // why: a fetch gives it
      const { status, url, redirected } = response as Response;
      report(`resolved ${status} ${url} ${redirected} ${await (response as Response).text()}`);
    } catch (error) {
      report(`rejected ${describeError(error)}`);
    }
  };
}

const fetches = [
  { name: "the built-in fetch", inner: fetch },
  // why: each implementation has its own types of fetch, which are nearly those of the built-in one
  ...undiciMajors.map(({ name, undici }) => ({ name: `${name}'s fetch`, inner: undici.fetch as typeof fetch })),
  // why: as above
  { name: "node-fetch", inner: nodeFetch as unknown as typeof fetch },
];

describe.each(fetches)("$name", ({ inner }) => {
  const wrapped = {
    plain: experimentFetch(experiments, inner),
    spanning: experimentFetch(experiments, inner, { spans: true }),
  };

  test.each(oddArguments)("ODD-01 a wrapped fetch answers as the bare one: $name", async ({ make, carries }) => {
    const { expected, actual } = await compare(
      inner,
      wrapped,
      (each, origin) => fetchCall(each, () => make(origin)),
      carries,
    );
    expect(actual).toEqual(expected);
  });
});

describe("what a wrapped fetch passes and shows", () => {
  function Inner(this: unknown, input: unknown): Promise<unknown> {
    return Promise.resolve({ self: this, input });
  }
  // why: a function of this form is all that is wrapped
  const inner = Object.assign(Inner as unknown as typeof fetch, { isRedirect: () => true });
  const wrapped = experimentFetch(experiments, inner);

  test("ODD-03 it has the name, the length and the properties of the fetch that is wrapped", () => {
    expect([wrapped.name, wrapped.length, Reflect.get(wrapped, "isRedirect")]).toEqual(["Inner", 1, inner.isRedirect]);
    const builtIn = experimentFetch(experiments);
    expect([builtIn.name, builtIn.length, typeof builtIn]).toEqual([fetch.name, fetch.length, "function"]);
  });

  test.each([
    { name: "no argument", given: [] },
    { name: "one", given: [allowed.origin] },
    { name: "an init that is undefined", given: [allowed.origin, undefined] },
    { name: "three", given: [allowed.origin, {}, 5] },
  ])("ODD-04 the arguments, their number and `this` are the caller's: $name", async ({ given }) => {
    const seen: unknown[][] = [];
    const spy = function spy(this: unknown, ...got: unknown[]): Promise<unknown> {
      seen.push([this, got.length, got[0], got[2]]);
      return Promise.resolve();
    };
    // why: as above
    const spied = experimentFetch(experiments, spy as unknown as typeof fetch);
    const self = {};
    await Reflect.apply(spy, self, given);
    await Reflect.apply(spied, self, given);
    await serve(own("express"), () => Reflect.apply(spied, self, given));
    const [expected, outside, inside] = seen;
    expect(outside).toEqual(expected);
    // `init` is where the headers are.
    const isLonger = given.length === 1 ? 2 : given.length;
    expect(inside).toEqual([expected?.[0], isLonger, ...(expected?.slice(2) ?? [])]);
    expect(inside?.[0]).toBe(self);
  });

  test.each([
    {
      name: "throws",
      call: () => {
        throw new RangeError("at once");
      },
    },
    { name: "rejects", call: () => Promise.reject(new RangeError("later")) },
    { name: "gives no promise", call: () => 5 },
    { name: "gives nothing", call: () => undefined },
  ])("ODD-05 a fetch that $name does so when it is wrapped", async ({ call }) => {
    // why: as above
    const odd = experimentFetch(experiments, call as unknown as typeof fetch);
    const outcome = async (fetchOnce: () => unknown): Promise<unknown> => {
      let result: unknown;
      try {
        result = fetchOnce();
      } catch (error) {
        return `threw ${describeError(error)}`;
      }
      const kind = result instanceof Promise;
      return Promise.resolve(result).then(
        (value: unknown) => ({ kind, value }),
        (error: unknown) => ({ kind, error: describeError(error) }),
      );
    };
    const expected = await outcome(call);
    expect(await outcome(() => odd(allowed.origin))).toEqual(expected);
    expect(await serve(own("express"), () => outcome(() => odd(allowed.origin)))).toEqual(expected);
  });
});

/** What is read of an `init`, in alphabetical order. */
function observed(values: Readonly<Record<string, unknown>>, kind: "accessors" | "a proxy"): [object, string[]] {
  const reads: string[] = [];
  if (kind === "a proxy") {
    const proxy = new Proxy(values, {
      get(target, name, receiver): unknown {
        reads.push(String(name));
        return Reflect.get(target, name, receiver);
      },
    });
    return [proxy, reads];
  }
  const object = {};
  for (const [name, value] of Object.entries(values)) {
    const get = (): unknown => {
      reads.push(name);
      return value;
    };
    Object.defineProperty(object, name, { get, enumerable: true, configurable: true });
  }
  return [object, reads];
}

// node-fetch reads `body` three times, of which two read the copy.
describe.each(fetches.filter(({ name }) => name !== "node-fetch"))("$name", ({ inner }) => {
  test.each(["accessors", "a proxy"] as const)(
    "ODD-06 each member of init and each header is read as often as by the bare one: %s",
    async (kind) => {
      const readsOf = async (fetchOnce: typeof fetch, variant: string): Promise<unknown> => {
        const [headers, headerReads] = observed({ "x-a": "1", baggage: "a=1" }, "accessors");
        const [init, reads] = observed({ method: "POST", body: "text", headers }, kind);
        await serve(variant, () => fetchOnce(allowed.origin, init));
        return { reads: reads.toSorted(), headerReads: headerReads.toSorted() };
      };
      const expected = await readsOf(inner, "");
      const wrapped = experimentFetch(experiments, inner);
      for (const variant of ["", own("express")]) expect(await readsOf(wrapped, variant)).toEqual(expected);
    },
  );
});

/** A dispatch with a handler of undici's lowest level. */
function dispatchCall(major: UndiciMajor, dispatcher: { dispatch: unknown }, make: () => unknown): Call {
  return async (report) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const handler = rawHandler(major, {
      onEnd: () => {
        report("ended");
        resolve();
      },
      onError: (error) => {
        report(`onError ${describeError(error)}`);
        resolve();
      },
    });
    try {
      // why: the options are odd on purpose
      const { dispatch } = dispatcher as { dispatch: (...given: readonly unknown[]) => unknown };
      const returned: unknown = Reflect.apply(dispatch, dispatcher, [make(), handler]);
      await promise;
      report(`returned ${String(returned)}`);
    } catch (error) {
      report(`threw ${describeError(error)}`);
    }
  };
}

describe.each(undiciMajors)("$name", (major) => {
  const agent = new major.undici.Agent();
  afterAll(() => agent.destroy());
  const bare = agent.compose((dispatch) => (options, handler) => dispatch(options, handler));
  const wrapped = {
    plain: agent.compose(experimentInterceptor(experiments)),
    spanning: agent.compose(experimentInterceptor(experiments, { spans: true })),
  };

  test.each(oddOptions)("ODD-02 our interceptor answers as an empty one: $name", async ({ make, carries }) => {
    const { expected, actual } = await compare(
      bare,
      wrapped,
      (each, origin) => dispatchCall(major, each, () => make(origin)),
      carries,
    );
    expect(actual).toEqual(expected);
  });
});
