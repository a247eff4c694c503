import got from "got";
import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startCachingOrigin } from "../support/caching-origin.ts";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

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

/** A fetch that keeps responses by URL and headers, as the data cache of Next.js does. */
function caching(inner: typeof fetch, keys: Set<string>): typeof fetch {
  const kept = new Map<string, Promise<string>>();
  return async (input, init) => {
    const given = input instanceof Request && init?.headers === undefined ? input.headers : init?.headers;
    const headers: Record<string, string> = Object.fromEntries(new Headers(given));
    delete headers["traceparent"];
    delete headers["tracestate"];
    const url = input instanceof Request ? input.url : String(input);
    const key = JSON.stringify([
      url,
      init?.method,
      headers,
      init?.mode,
      init?.redirect,
      init?.credentials,
      init?.cache,
    ]);
    keys.add(key);
    const body = kept.get(key) ?? inner(input, init).then((response) => response.text());
    kept.set(key, body);
    return new Response(await body);
  };
}

const VARIANTS = ["express", "control", "express", "express", "control"] as const;

const forms: readonly (readonly [name: string, call: (fetchOnce: typeof fetch, url: string) => Promise<Response>])[] = [
  ["a text", (fetchOnce, url) => fetchOnce(url)],
  ["a URL", (fetchOnce, url) => fetchOnce(new URL(url))],
  ["a Request", (fetchOnce, url) => fetchOnce(new Request(url, { headers: { "x-one": "1" } }))],
  ["headers as an object", (fetchOnce, url) => fetchOnce(url, { headers: { "x-one": "1", baggage: "user=1" } })],
  ["headers as pairs", (fetchOnce, url) => fetchOnce(url, { headers: [["x-one", "1"]] })],
  ["Headers", (fetchOnce, url) => fetchOnce(url, { headers: new Headers({ "x-one": "1" }) })],
];

describe.each([false, true])("a fetch with a data cache that is wrapped, with spans: %s", (spans) => {
  test.each(forms)("CCH-20 goes to what propagateTo does not name once, as without us: %s", async (_name, call) => {
    const keys = new Set<string>();
    const cached = caching(fetch, keys);
    await call(cached, `${denied.origin}/x`);
    const wrapped = experimentFetch(experiments, cached, { spans });
    for (const variant of VARIANTS) await serve(own(variant), () => call(wrapped, `${denied.origin}/x`));
    expect(denied.requests).toHaveLength(1);
    expect(keys.size).toBe(1);
  });

  test.each(forms)("CCH-21 goes to what it names once for each combination of variants: %s", async (_name, call) => {
    const keys = new Set<string>();
    const wrapped = experimentFetch(experiments, caching(fetch, keys), { spans });
    for (const variant of VARIANTS) await serve(own(variant), () => call(wrapped, `${allowed.origin}/x`));
    await call(wrapped, `${allowed.origin}/x`);
    expect(keys.size).toBe(3);
    expect(arrivals(allowed).flat().toSorted()).toEqual(
      _name.includes("object")
        ? ["user=1", `user=1,${own("control")}`, `user=1,${own("express")}`]
        : [own("control"), own("express")],
    );
  });

  test("CCH-22 gives the wrapped fetch the caller's own arguments", async () => {
    const seen: unknown[] = [];
    const note = async (...args: unknown[]): Promise<Response> => {
      seen.push(...args);
      return new Response();
    };
    const noting = experimentFetch(experiments, note, { spans });
    const init = { headers: { "x-one": "1" }, next: { revalidate: 60 } };
    await serve(own("express"), () => noting(`${denied.origin}/x`, init));
    expect(seen[0]).toBe(`${denied.origin}/x`);
    expect(seen[1]).toBe(init);
  });
});

describe.each(undiciMajors)("between a wrapped call and $name", ({ undici, major }) => {
  test.each([false, true])(
    "CCH-23 an interceptor of the user sees what it would see without us, with spans: %s",
    async (spans) => {
      const agent = new undici.Agent();
      const seen: unknown[] = [];
      const dispatcher = agent.compose(
        (dispatch) => (options, handler) => {
          seen.push(options.headers);
          return dispatch(options, handler);
        },
        experimentInterceptor(experiments, { spans }),
      );
      const given = [undefined, { "x-one": "1" }, ["x-one", "1"]];
      for (const headers of given) {
        await serve(own("express"), async () =>
          (await undici.request(denied.origin, { dispatcher, headers: headers ?? null })).body.dump(),
        );
      }
      expect(seen.map((headers) => headers ?? undefined)).toEqual(given);
      await agent.close();
    },
  );

  test.each([false, true])(
    "CCH-24 a MockAgent sees neither members nor a ticket of a call that gets none, with spans: %s",
    async (spans) => {
      const mock = new undici.MockAgent();
      mock.disableNetConnect();
      const seen: string[] = [];
      mock
        .get("http://elsewhere.test")
        .intercept({ path: "/" })
        .reply(200, ({ headers }) => {
          seen.push(JSON.stringify(headers));
          return "mocked";
        })
        .times(2);
      const dispatcher = mock.compose(experimentInterceptor(experiments, { spans }));
      // why: undici's types of fetch are its own, and nearly those of the built-in one
      const inner = ((input: string, init: object) =>
        undici.fetch(input, { ...init, dispatcher: mock })) as unknown as typeof fetch;
      await serve(own("express"), async () => {
        await (await undici.request("http://elsewhere.test/", { dispatcher })).body.dump();
        await (await experimentFetch(experiments, inner, { spans })("http://elsewhere.test/")).text();
      });
      expect(seen).toHaveLength(2);
      expect(seen.join()).not.toMatch(/otel-experiments|experiment\./);
      await mock.close();
    },
  );

  test("CCH-25 a redirect of fetch from elsewhere to an allowed destination carries the variant", async () => {
    const agent = new undici.Agent();
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const inner = ((input: string, init: object) =>
      undici.fetch(input, { ...init, dispatcher: agent })) as unknown as typeof fetch;
    const wrapped = experimentFetch(experiments, inner);
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => {
        const variant = VARIANTS[i % VARIANTS.length] ?? "control";
        return serve(own(variant), () => wrapped(`${denied.origin}${go(302, `${allowed.origin}/${variant}`)}`));
      }),
    );
    expect(allowed.requests).toHaveLength(12);
    const lines = arrivals(allowed);
    expect(allowed.requests.map(({ start }) => [own(start.split(/[/ ]/)[2] ?? "")])).toEqual(lines);
    expect(arrivals(denied).flat()).toEqual([]);
    await agent.close();
  });

  test("CCH-26 a redirect that an interceptor follows from elsewhere carries the right variant or none", async () => {
    for (const connections of [1, 4]) {
      const agent = new undici.Agent({ connections });
      const dispatcher = agent.compose(
        undici.interceptors.redirect({ maxRedirections: 2 }),
        undici.interceptors.retry(),
        experimentInterceptor(experiments),
      );
      await Promise.all(
        Array.from({ length: 12 }, (_, i) => {
          const variant = VARIANTS[i % VARIANTS.length] ?? "control";
          const url = `${denied.origin}${go(302, `${allowed.origin}/${variant}`)}`;
          return serve(own(variant), async () => (await undici.request(url, { dispatcher })).body.dump());
        }),
      );
      const expected = allowed.requests.map(({ start }) => (major === 7 ? [] : [own(start.split(/[/ ]/)[2] ?? "")]));
      expect(arrivals(allowed)).toEqual(expected);
      allowed.clear();
      await agent.close();
    }
  });
});

describe.runIf(SHOWS_DESTINATION)("a cache over node:http that obeys Vary, as got's", () => {
  test("CCH-28 keeps no page of one variant for another, with instrumentOutgoing alone", async () => {
    const origin = await startCachingOrigin();
    const stage = await openStage({ propagateTo: [origin.origin] });
    const outgoing = instrumentOutgoing(stage.experiments);
    const cached = got.extend({ cache: new Map(), retry: { limit: 0 } });
    const pages: string[] = [];
    for (const kind of ["fresh", "stale"] as const) {
      const url = origin.path(kind);
      for (const variant of ["none", "express", "control", "express", "none"]) {
        const page = await stage.serve(variant === "none" ? "" : own(variant), () => cached(url).text());
        pages.push(`${variant}: ${page}`);
      }
    }
    expect(pages.filter((page) => !/^(\w+): page of \1$/.test(page))).toEqual([]);
    outgoing[Symbol.dispose]();
    await stage.close();
    await origin.close();
  });
});

describe("a call of which nothing shows that it is wrapped", () => {
  test("CCH-27 does not lend its variant to work that it leaves behind", async () => {
    const left = Promise.withResolvers<void>();
    let poll: Promise<unknown> | undefined;
    const leaving = experimentFetch(experiments, async () => {
      poll = left.promise.then(() => fetch(allowed.origin)).then((response) => response.text());
      return new Response();
    });
    await serve(own("express"), () => leaving(`${denied.origin}/x`));
    left.resolve();
    await poll;
    expect(arrivals(allowed)).toEqual([[]]);
  });
});
