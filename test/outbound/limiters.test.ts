import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import type { Interceptor } from "../support/clients/undici.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { openStage, own, startRedirectingServer } from "../support/service-stage.ts";

// A layer of the user's that holds requests back makes them in the async context of whichever request is over.

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });

afterEach(() => {
  allowed.clear();
  denied.clear();
});

afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
});

/** Holds each dispatch back until the next one comes, and then makes it first. */
function holding(): Interceptor {
  let held: (() => void) | undefined;
  return (dispatch) => (options, handler) => {
    const before = held;
    held = () => void dispatch(options, handler);
    before?.();
    // The last one has nobody behind it.
    setTimeout(() => {
      const last = held;
      held = undefined;
      last?.();
    }, 50).unref();
    return true;
  };
}

describe.each(undiciMajors.filter(({ major }) => major > 6))("a limiter of the user's over $name", ({ undici }) => {
  const ways = {
    wrapped: (inner: typeof fetch) => experimentFetch(experiments, inner),
    bare: (inner: typeof fetch) => inner,
  };

  test.each(Object.entries(ways))(
    "LIM-01 gives nobody the variant of a call that goes elsewhere: %s",
    async (_name, wrap) => {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(holding());
      // why: undici's types of fetch are its own, and nearly those of the built-in one
      const limited = ((input: string, init: object) =>
        undici.fetch(input, { ...init, dispatcher })) as unknown as typeof fetch;
      const wrapped = experimentFetch(experiments, limited);
      const visitor = wrap(limited);
      const text = async (response: Promise<Response>): Promise<string> => (await response).text();
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          i % 2 === 0
            ? serve(own("express"), () => text(wrapped(`${denied.origin}/a`)))
            : serve("", () => text(visitor(`${allowed.origin}/late`))),
        ),
      );
      await agent.close();
      expect(allowed.requests).toHaveLength(20);
      expect(allowed.requests.flatMap(({ lines }) => headerValues(lines, "baggage"))).toEqual([]);
      expect(denied.requests.flatMap(({ lines }) => headerValues(lines, "baggage"))).toEqual([]);
    },
  );
});
