import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { startCachingOrigin } from "../support/caching-origin.ts";
import type { Interceptor } from "../support/clients/undici.ts";
import { type Undici, undiciMajors } from "../support/clients/undici-majors.ts";
import { go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

vi.setConfig({ testTimeout: 120_000 });

const origin = await startCachingOrigin();
const denied = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [origin.origin] });

afterEach(() => origin.clear());

afterAll(async () => {
  await close();
  await origin.close();
  await denied.close();
});

/** undici 6 has neither a cache nor deduplication. */
const majors = undiciMajors.filter(({ major }) => major > 6);

type LayerName = "cache" | "deduplicate" | "retry" | "redirect" | "ours";

function layer(undici: Undici, name: LayerName): Interceptor {
  const { cache, deduplicate, retry, redirect } = undici.interceptors;
  const layers: Readonly<Record<LayerName, () => Interceptor>> = {
    cache,
    deduplicate,
    retry,
    redirect: () => redirect({ maxRedirections: 3 }),
    ours: () => experimentInterceptor(experiments),
  };
  return layers[name]();
}

function permutations<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length < 2) return [list];
  return list.flatMap((one, i) => permutations(list.toSpliced(i, 1)).map((rest) => [one, ...rest]));
}

/** All orders of all subsets. */
function arrangements<T>(list: readonly T[]): readonly (readonly T[])[] {
  const subsets = list.reduce<readonly (readonly T[])[]>(
    (all, one) => all.flatMap((some) => [some, [...some, one]]),
    [[]],
  );
  return subsets.flatMap((subset) => permutations(subset));
}

type Get = (undici: Undici, dispatcher: Dispatcher, url: string) => Promise<string>;

const request: Get = async (undici, dispatcher, url) => (await undici.request(url, { dispatcher })).body.text();

const fetching: Get = async (undici, dispatcher, url) => (await undici.fetch(url, { dispatcher })).text();

const ways: Readonly<Record<string, Get>> = {
  request,
  fetch: fetching,
  async stream(undici, dispatcher, url) {
    const body = new PassThrough();
    const whole = text(body);
    await undici.stream(url, { dispatcher, method: "GET" }, () => body);
    return whole;
  },
  pipeline: (undici, dispatcher, url) =>
    text(undici.pipeline(url, { dispatcher, method: "GET" }, ({ body }) => body).end()),
};

const wrappedFetch: Get = async (undici, dispatcher, url) => {
  // why: undici's types of fetch are its own, and nearly those of the built-in one
  const inner = ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
  return (await experimentFetch(experiments, inner)(url)).text();
};

/** The page that a user with a variant, or with `none`, is given. */
async function pageOf(variant: string, get: () => Promise<string>): Promise<readonly [variant: string, page: string]> {
  return [variant, await serve(variant === "none" ? "" : own(variant), get)];
}

const SEQUENCES = [
  ["none", "express", "control", "express", "none", "control"],
  ["express", "control", "none", "express"],
] as const;

/** The pages of users one after the other, and at once; each list on a new path. */
async function browse(get: (url: string) => Promise<string>): Promise<readonly (readonly [string, string])[]> {
  const pages: (readonly [string, string])[] = [];
  for (const kind of ["fresh", "stale"] as const) {
    for (const variants of SEQUENCES) {
      const url = origin.path(kind);
      for (const variant of variants) pages.push(await pageOf(variant, () => get(url)));
    }
  }
  for (const variants of SEQUENCES) {
    const url = origin.path("slow");
    pages.push(...(await Promise.all(variants.map((variant) => pageOf(variant, () => get(url))))));
  }
  const url = `${origin.origin}/go/${encodeURIComponent(origin.path("slow"))}`;
  pages.push(...(await Promise.all(SEQUENCES[1].map((variant) => pageOf(variant, () => get(url))))));
  return pages;
}

/** Pages of another variant. undici leaves some pages empty where a redirect is shared or not followed. */
function wrong(pages: readonly (readonly [string, string])[]): readonly string[] {
  const allowed = (variant: string): readonly string[] => [`page of ${variant}`, "page of none", ""];
  return pages.flatMap(([variant, page]) => (allowed(variant).includes(page) ? [] : [`${variant}: ${page}`]));
}

/** Pages that are not those of the user's own variant. */
function missing(pages: readonly (readonly [string, string])[]): readonly string[] {
  return pages.flatMap(([variant, page]) => (["", `page of ${variant}`].includes(page) ? [] : [`${variant}: ${page}`]));
}

describe.each(majors)("the caching interceptors of $name and an origin that says Vary: baggage", ({ undici }) => {
  test("CCH-01 in every order of composition, nobody is given another's page, and ours outside gives each their own", async () => {
    for (const order of permutations<LayerName>(["cache", "deduplicate", "retry", "redirect", "ours"])) {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(order.map((name) => layer(undici, name)));
      const pages = await browse((url) => request(undici, dispatcher, url));
      const outside = new Set(order.slice(order.indexOf("ours")));
      const isOutermost = !outside.has("deduplicate") && !outside.has("cache");
      expect({ order, wrong: isOutermost ? missing(pages) : wrong(pages) }).toEqual({ order, wrong: [] });
      await agent.close();
    }
  });

  test("CCH-02 a wrapped fetch over them gives each their own page", async () => {
    for (const order of arrangements<LayerName>(["cache", "deduplicate", "retry"])) {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(order.map((name) => layer(undici, name)));
      const pages = await browse((url) => wrappedFetch(undici, dispatcher, url));
      expect({ order, missing: missing(pages) }).toEqual({ order, missing: [] });
      await agent.close();
    }
  });

  test.each(Object.entries(ways))(
    "CCH-03 with instrumentOutgoing alone, nobody is given another's page by %s",
    async (_name, get) => {
      const outgoing = instrumentOutgoing(experiments);
      for (const order of arrangements<LayerName>(["cache", "deduplicate", "redirect"])) {
        const agent = new undici.Agent(order.length === 2 ? { connections: 1 } : {});
        const dispatcher = agent.compose(order.map((name) => layer(undici, name)));
        const pages = await browse((url) => get(undici, dispatcher, url));
        expect({ order, wrong: wrong(pages) }).toEqual({ order, wrong: [] });
        await agent.close();
      }
      outgoing[Symbol.dispose]();
    },
  );

  test("CCH-04 a cache behind ours keeps one page for each variant, and one for requests without", async () => {
    const agent = new undici.Agent();
    const dispatcher = agent.compose(layer(undici, "cache"), layer(undici, "ours"));
    const url = origin.path();
    for (const variant of ["express", "none", "control", "express", "none", "control"])
      await pageOf(variant, () => request(undici, dispatcher, url));
    expect(origin.baggage().flat()).toEqual([own("express"), own("control")]);
    expect(origin.requests).toHaveLength(3);
    await agent.close();
  });

  test("CCH-05 under instrumentOutgoing a cache keeps no page, and each has their own", async () => {
    const outgoing = instrumentOutgoing(experiments);
    const agent = new undici.Agent();
    const dispatcher = agent.compose(layer(undici, "cache"));
    const pages = await browse((url) => fetching(undici, dispatcher, url));
    expect(missing(pages)).toEqual([]);
    await agent.close();
    outgoing[Symbol.dispose]();
  });

  test("CCH-06 where no layer can keep it, the response says what the origin said", async () => {
    const outgoing = instrumentOutgoing(experiments);
    const agent = new undici.Agent();
    const seen: unknown[] = [];
    const composed = agent.compose(experimentInterceptor(experiments));
    for (const dispatcher of [agent, composed]) {
      for (const variant of ["express", "none"]) {
        await pageOf(variant, async () => {
          const { headers, body } = await undici.request(origin.path(), { dispatcher });
          seen.push(headers["vary"]);
          return body.text();
        });
      }
    }
    expect(seen).toEqual(["accept, Baggage", "accept, Baggage", "accept, Baggage", expect.anything()]);
    await agent.close();
    outgoing[Symbol.dispose]();
  });

  test("CCH-07 towards what propagateTo does not name, a cache and deduplication work as without us", async () => {
    const bare = new undici.Agent();
    const caching = [layer(undici, "cache"), layer(undici, "deduplicate")];
    const before = denied.requests.length;
    for (const dispatcher of [
      bare.compose(...caching, layer(undici, "ours")),
      bare.compose(layer(undici, "ours"), ...caching),
    ]) {
      const url = `${denied.origin}/${Math.random()}`;
      await Promise.all(
        ["express", "control"].map((variant) => pageOf(variant, () => request(undici, dispatcher, url))),
      );
    }
    expect(denied.requests.length - before).toBe(2);
    await bare.close();
  });

  test("CCH-08 a page that a redirect from elsewhere led to is not kept for others", async () => {
    const agent = new undici.Agent();
    const dispatcher = agent.compose(layer(undici, "cache"));
    const url = origin.path();
    const pages: (readonly [string, string])[] = [];
    for (const variant of ["express", "control", "express"]) {
      pages.push(await pageOf(variant, () => wrappedFetch(undici, dispatcher, `${denied.origin}${go(302, url)}`)));
    }
    pages.push(await pageOf("none", () => wrappedFetch(undici, dispatcher, url)));
    expect(missing(pages)).toEqual([]);
    await agent.close();
  });

  test("CCH-09 a page is validated in the background for the variant that it belongs to", async () => {
    const agent = new undici.Agent({ connections: 1 });
    const dispatcher = agent.compose(layer(undici, "cache"), layer(undici, "ours"));
    const url = origin.path("background");
    const pages: (readonly [string, string])[] = [];
    for (let round = 0; round < 3; round++) {
      for (const variant of ["express", "control"])
        pages.push(await pageOf(variant, () => request(undici, dispatcher, url)));
    }
    await vi.waitFor(() => expect(origin.requests).toHaveLength(6));
    expect(missing(pages)).toEqual([]);
    expect(origin.baggage().filter(([line, ...others]) => line === undefined || others.length > 0)).toEqual([]);
    await agent.destroy();
  });
});
