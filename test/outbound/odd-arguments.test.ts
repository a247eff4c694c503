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

/** Where a request goes, and whether it has a variant. */
const situations = [
  { name: "without a variant", origin: allowed.origin, variant: "" },
  { name: "towards an allowed origin", origin: allowed.origin, variant: own("express") },
  { name: "towards one that is not allowed", origin: denied.origin, variant: own("express") },
] as const;

type Call = (report: (event: string) => void) => Promise<void>;

/** Compares a call with the bare client and the calls with the wrapped ones, in each situation. */
async function compare(
  bare: (origin: string) => Call,
  wrapped: readonly ((origin: string) => Call)[],
  carries = true,
): Promise<void> {
  for (const { name, origin, variant } of situations) {
    const expected = await outcomeOf([allowed, denied], bare(origin));
    for (const each of wrapped) {
      const actual = await outcomeOf([allowed, denied], (report) => serve(variant, () => each(origin)(report)));
      expect({ name, ...withoutOwn(actual) }).toEqual({ name, ...expected });
      const carried = actual.baggage.filter((line) => line.includes(own("express")));
      if (carries || origin !== allowed.origin)
        expect(carried.length, name).toBe(origin === allowed.origin && variant !== "" ? actual.arrived.length : 0);
    }
  }
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
  const wrapped = [experimentFetch(experiments, inner), experimentFetch(experiments, inner, { spans: true })];

  test.each(oddArguments)("ODD-01 a wrapped fetch answers as the bare one: $name", async ({ make, carries }) => {
    await compare(
      (origin) => fetchCall(inner, () => make(origin)),
      wrapped.map((each) => (origin) => fetchCall(each, () => make(origin))),
      carries,
    );
  });
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
  const wrapped = [
    agent.compose(experimentInterceptor(experiments)),
    agent.compose(experimentInterceptor(experiments, { spans: true })),
  ];

  test.each(oddOptions)("ODD-02 our interceptor answers as an empty one: $name", async ({ make, carries }) => {
    await compare(
      (origin) => dispatchCall(major, bare, () => make(origin)),
      wrapped.map((each) => (origin) => dispatchCall(major, each, () => make(origin))),
      carries,
    );
  });
});
