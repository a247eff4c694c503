import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import {
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { nodeExperiments } from "otel-experiments/node";
import type { InboundServer } from "otel-experiments/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { pseudonymOf } from "../../src/assignment/subject.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { Browser } from "../support/browser.ts";
import { newestHarnesses } from "../support/frameworks/all.ts";
import { listen, startListening } from "../support/listening.ts";

// One visitor, one variant of each experiment, whatever the order in which a browser's calls are answered.

const SECRET = "a secret of the tests, long enough";
const EXPERIMENTS = {
  checkout: { id: "checkout_1", variants: ["a", "b"] },
  search: { id: "search_1", variants: ["a", "b"] },
};
const closing: (() => unknown)[] = [];

// A busy machine must not make calls late that are sent at once.
beforeEach(() => {
  vi.spyOn(performance, "now").mockReturnValue(performance.now());
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) await close();
});

function experimentsOf(given: Partial<ExperimentsOptions> = {}): Experiments {
  const options: ExperimentsOptions = { experiments: EXPERIMENTS, store: cookieStore({ secrets: SECRET }), ...given };
  const experiments = createExperiments(options);
  closing.push(() => experiments.close());
  return experiments;
}

type Listener = (...exchange: Parameters<RequestListener>) => unknown;
type Handler = (assign: (key: string, subject?: string) => Promise<string | undefined>, of: Experiments) => Listener;

/** A server of node:http. */
async function serve(handler: Handler, options: Partial<ExperimentsOptions> = {}): Promise<number> {
  const experiments = experimentsOf(options);
  const listener = handler((key, subject) => experiments.assign(key, subject), experiments);
  const server = await listen(createServer(nodeExperiments(experiments, listener)));
  closing.push(() => server.close());
  return server.port;
}

/** Answers `/KEY` with the variant, the body of `assign(KEY)`. */
const assigning: Handler = (assign) => async (request, response) => {
  const keys = (request.url ?? "").slice(1).split(",");
  const variants = await Promise.all(keys.map((key) => assign(key)));
  response.end(variants.join());
};

const cookieNamesOf = (lines: readonly string[]) =>
  headerValues(lines, "set-cookie").map((line) => line.slice(0, line.indexOf("=")));

describe.each(newestHarnesses())("on $name", ({ serve: serveFramework }) => {
  const subjects = {
    "a random subject": () => randomUUID(),
    "one subject": () => "user-7",
    "no subject": () => undefined,
  };
  test.each(Object.entries(subjects))(
    "CKV-01 a new browser's two calls at once, and its later ones, show one variant: %s",
    async (_, subjectOf) => {
      const start = async (): Promise<InboundServer> => {
        const experiments = experimentsOf();
        const server = await serveFramework({
          mount: [experiments],
          async handler({ request, reply }) {
            const [key = "", before, after] = (request.url ?? "").slice(1).split("/");
            await wait(Number(before));
            const variant = await experiments.assign(key, subjectOf());
            await wait(Number(after));
            reply(200, String(variant));
          },
        });
        closing.push(() => server.close());
        return server;
      };
      const [one, other] = [await start(), await start()];
      const seen = { checkout: new Set<string>(), search: new Set<string>() };
      const visit = async (index: number): Promise<void> => {
        const browser = new Browser(randomUUID());
        const variants = new Map<string, Set<string>>();
        const call = async (port: number, key: string, timing: string): Promise<void> => {
          const { body } = await browser.call(port, `/${key}/${timing}`);
          variants.set(key, (variants.get(key) ?? new Set()).add(body));
        };
        const [first, second] = index % 2 === 0 ? ["0/8", "2/0"] : ["4/0", "0/8"];
        const secondKey = index % 4 < 2 ? "checkout" : "search";
        const secondPort = index % 8 < 4 ? one.port : other.port;
        await Promise.all([call(one.port, "checkout", first), call(secondPort, secondKey, second)]);
        for (const port of [one.port, other.port]) {
          for (const key of ["checkout", "search"]) await call(port, key, "0/0");
        }
        expect([index, ...Array.from(variants.values(), ({ size }) => size)]).toEqual([index, 1, 1]);
        for (const key of ["checkout", "search"] as const) {
          for (const variant of variants.get(key) ?? []) seen[key].add(variant);
        }
        expect([...browser.cookies.keys()].sort()).toEqual([
          "experiments",
          "experiments.checkout_1",
          "experiments.search_1",
        ]);
      };
      for (let i = 0; i < 100; i += 10) await Promise.all(Array.from({ length: 10 }, (__, k) => visit(i + k)));
      expect([...seen.checkout].sort()).toEqual(["a", "b"]);
      expect([...seen.search].sort()).toEqual(["a", "b"]);
    },
  );

  test("CKV-02 a page gets the visitor's cookie before anything is assigned; no other response does", async () => {
    const experiments = experimentsOf();
    const server = await serveFramework({ mount: [experiments], handler: ({ reply }) => reply(200, "") });
    closing.push(() => server.close());
    const cookiesFor = async (...lines: string[]) =>
      cookieNamesOf((await new Browser("x").call(server.port, "/", lines)).lines);
    expect(await cookiesFor("sec-fetch-dest: document")).toEqual(["experiments"]);
    expect(await cookiesFor("sec-fetch-dest: empty")).toEqual([]);
    expect(await cookiesFor()).toEqual([]);
    const browser = new Browser("y");
    await browser.call(server.port, "/", ["sec-fetch-dest: document"]);
    const known = [...browser.cookies];
    expect(cookieNamesOf((await browser.call(server.port, "/", ["sec-fetch-dest: document"])).lines)).toEqual([]);
    expect([...browser.cookies]).toEqual(known);
  });

  test("CKV-13 with the option assign, a visitor needs no subject, and a response for everybody sets no cookie", async () => {
    const experiments = experimentsOf();
    const server = await serveFramework({
      mount: [experiments],
      options: { assign: ["checkout"] },
      handler({ request, response, reply }) {
        if (request.url === "/asset") response.setHeader("cache-control", "public, max-age=60");
        reply(200, String(experiments.variant("checkout")));
      },
    });
    closing.push(() => server.close());
    const browser = new Browser("x");
    const [asset, page] = [await browser.call(server.port, "/asset"), await browser.call(server.port, "/")];
    expect(cookieNamesOf(asset.lines)).toEqual([]);
    expect(cookieNamesOf(page.lines)).toEqual(["experiments", "experiments.checkout_1"]);
    expect(["a", "b"]).toContain(page.body);
    expect((await browser.call(server.port, "/")).body).toBe(page.body);
  });
});

test("CKV-03 a response that a shared cache may keep gets no cookie, assigned or not", async () => {
  const table = [
    ["", true],
    ["private, max-age=60", true],
    ["no-store", true],
    ["public, max-age=0", false],
    ["max-age=60", false],
    ["S-MaxAge=60", false],
    ["no-cache", true],
    ["max-age=0, must-revalidate", true],
    ["public, no-cache", true],
  ] as const;
  const ours = ["experiments", "experiments.checkout_1"];
  for (const [control, isSet] of table) {
    for (const form of ["setHeader", "writeHead", "writeHead's list"]) {
      for (const keys of [[], ["checkout"]]) {
        const port = await serve((assign) => async (_, response) => {
          for (const key of keys) await assign(key);
          response.appendHeader("set-cookie", "app=1");
          const headers = control === "" ? {} : { "Cache-Control": control };
          if (form === "setHeader") response.setHeaders(new Map(Object.entries(headers)));
          else if (form === "writeHead") response.writeHead(200, "fine", headers);
          else response.writeHead(200, Object.entries(headers).flat());
          response.end();
        });
        const { lines } = await new Browser("x").call(port, "/", ["sec-fetch-dest: document"]);
        const expected = ["app", ...(isSet ? ours.slice(0, keys.length + 1) : [])];
        expect([control, form, cookieNamesOf(lines).sort()]).toEqual([control, form, expected]);
      }
    }
  }
  for (const [name, value, isSet] of [
    ["expires", new Date(Date.now() + 1e6).toUTCString(), false],
    ["expires", "0", true],
    ["CDN-Cache-Control", "max-age=60", false],
    ["Surrogate-Control", "max-age=60", false],
  ] as const) {
    const port = await serve((assign) => async (_, response) => {
      await assign("checkout");
      response.setHeader(name, value).end();
    });
    expect([name, value, cookieNamesOf((await new Browser("x").call(port, "/")).lines)]).toEqual([
      name,
      value,
      isSet ? ours : [],
    ]);
  }
});

describe("a visitor stays", () => {
  test("CKV-04 in the variant when weights, coverage and namespace change, and out of an experiment that they took no part in", async () => {
    const before = await serve(assigning);
    const changes = [
      { variants: { a: 0, b: 1 } },
      { coverage: 0 },
      { namespace: { name: "page", range: [0, 0.01] } },
    ] as const;
    const browsers = Array.from({ length: 30 }, (_, i) => new Browser(`browser ${i}`));
    const first = [];
    for (const browser of browsers) first.push((await browser.call(before, "/checkout")).body);
    expect(new Set(first)).toEqual(new Set(["a", "b"]));
    for (const change of changes) {
      const after = await serve(assigning, { experiments: { checkout: { ...EXPERIMENTS.checkout, ...change } } });
      for (const [i, browser] of browsers.entries())
        expect((await browser.call(after, "/checkout")).body).toBe(first[i]);
    }
    // Half of the visitors take no part; each of them is asked again, and never comes in.
    const half = await serve(assigning, {
      experiments: { checkout: { id: "half", variants: ["a", "b"], coverage: 0.5 } },
    });
    for (const browser of browsers) {
      const { body } = await browser.call(half, "/checkout");
      for (let i = 0; i < 5; i++) expect((await browser.call(half, "/checkout")).body).toBe(body);
    }
  });

  test("CKV-05 in no variant of another visitor: what is signed for one counts for no other", async () => {
    const [port, later] = [
      await serve(assigning),
      await serve(assigning, { experiments: { checkout: { id: "checkout_1", variants: { a: 1, b: 0 } } } }),
    ];
    const visitors = [];
    for (let i = 0; i < 30; i++) {
      const browser = new Browser(`browser ${i}`);
      visitors.push({ browser, variant: (await browser.call(port, "/checkout")).body });
    }
    const victim = visitors.find(({ variant }) => variant === "b");
    const other = visitors.find(({ variant }) => variant === "a");
    const stolen = victim?.browser.cookies.get("experiments.checkout_1") ?? "";
    expect(stolen).toMatch(/^b!/);
    // Under its own name, under another experiment's, and as the visitor's.
    for (const name of ["experiments.checkout_1", "experiments.search_1", "experiments"]) {
      const thief = new Browser("thief");
      for (const [key, value] of other?.browser.cookies ?? []) if (key !== name) thief.cookies.set(key, value);
      thief.cookies.set(name, stolen);
      expect((await thief.call(later, "/checkout")).body).toBe("a");
    }
    const nobody = new Browser("nobody");
    nobody.cookies.set("experiments.checkout_1", stolen);
    expect((await nobody.call(later, "/checkout")).body).toBe("a");
  });

  test("CKV-06 with at most 24 cookies: the oldest goes, and a forged header adds no line to the answer", async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `exp_${i}`);
    const experiments = Object.fromEntries(keys.map((key) => [key, { id: `${key}_run`, variants: ["a", "b"] }]));
    const port = await serve(assigning, { experiments });
    const browser = new Browser("x");
    for (const key of keys) await browser.call(port, `/${key}`);
    expect([...browser.cookies.keys()]).toEqual([
      "experiments",
      ...keys.slice(6).map((key) => `experiments.${key}_run`),
    ]);
    const many = new Browser("y");
    await many.call(port, `/${keys.join()}`);
    expect(many.cookies.size).toBe(25);
    const forger = new Browser("z");
    for (let i = 0; i < 300; i++) forger.cookies.set(`experiments.${i % 2 === 0 ? '\u00e9 "' : "forged"}${i}`, "x");
    const { lines } = await forger.call(port, "/exp_0");
    expect(cookieNamesOf(lines).length).toBeLessThanOrEqual(3);
  });

  test("CKV-07 and is the subject for assigners and for telemetry, whatever subject is given", async () => {
    const asked: unknown[] = [];
    const assigner = ({ subject }: { readonly subject: string }): string => {
      asked.push(subject);
      return "a";
    };
    const port = await serve(
      (assign, experiments) => async (_, response) => {
        await assign("checkout", randomUUID());
        response.end(experiments.current().assignments[0]?.subject);
      },
      {
        recordSubject: "hashed",
        subjectSecret: SECRET,
        experiments: { checkout: { ...EXPERIMENTS.checkout, assigner } },
        store: { ...cookieStore({ secrets: SECRET }), get: () => undefined },
      },
    );
    const browser = new Browser("x");
    const recorded = [];
    for (let i = 0; i < 3; i++) recorded.push((await browser.call(port, "/")).body);
    const [visitor = ""] = (browser.cookies.get("experiments") ?? "").split("!");
    expect(asked).toEqual([visitor, visitor, visitor]);
    expect(new Set(recorded)).toEqual(new Set([pseudonymOf("checkout_1", visitor, SECRET)]));
  });
});

describe("the cookies of the application", () => {
  const forms: Record<string, Listener> = {
    "setHeader, in place of all": (_, response) =>
      void response.setHeader("Set-Cookie", ["app=1", "app2=2"]).writeHead(200),
    "writeHead's object": (_, response) => void response.writeHead(200, { "Set-Cookie": ["app=1", "app2=2"], x: "1" }),
    "writeHead's object, after a message": (_, response) =>
      void response.writeHead(200, "fine", { "set-cookie": ["app=1", "app2=2"], x: "1" }),
    "writeHead's list": (_, response) =>
      void response.writeHead(200, ["x", "1", "Set-Cookie", "app=1", "set-cookie", "app2=2"]),
    "writeHead's list of pairs": (_, response) =>
      // why: Node takes it, its types do not
      void response.writeHead(200, [
        ["x", "1"],
        ["Set-Cookie", ["app=1", "app2=2"]],
      ] as unknown as string[]),
    "nothing left": (_, response) => {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      response.setHeader("set-cookie", ["app=1", "app2=2"]);
    },
  };
  test.each(Object.entries(forms))("CKV-08 stay beside ours, written by %s", async (_, write) => {
    const port = await serve((assign) => async (request, response) => {
      if (request.url !== "/") await assign("checkout");
      await write(request, response);
      response.end();
    });
    for (const [path, ours] of [
      ["/assigned", ["experiments", "experiments.checkout_1"]],
      ["/", ["experiments"]],
    ] as const) {
      const { lines } = await new Browser("x").call(port, path, ["sec-fetch-dest: document"]);
      expect(cookieNamesOf(lines).sort()).toEqual(["app", "app2", ...ours]);
    }
  });

  test("CKV-09 stay beside ours over HTTP/2", async () => {
    const experiments = experimentsOf();
    const handler = async (_: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
      await experiments.assign("checkout");
      response.writeHead(200, { "set-cookie": ["app=1"] }).end();
    };
    const listener = nodeExperiments(experiments, handler as never);
    // why: the request and response that Node makes for HTTP/2 have the members of node:http's, not its classes
    const server = createHttp2Server({}, listener as never);
    const session = connect(`http://127.0.0.1:${await startListening(server)}`);
    closing.push(
      () => session.destroy(),
      () => server.close(),
    );
    const [headers] = await once(session.request({ ":path": "/" }), "response");
    const lines: readonly string[] = headers["set-cookie"];
    expect(lines.map((line) => line.split("=")[0])).toEqual(["app", "experiments", "experiments.checkout_1"]);
  });

  test("CKV-10 and the errors of writeHead are Node's", async () => {
    const codes: unknown[] = [];
    const port = await serve((assign) => async (_, response) => {
      await assign("checkout");
      for (const given of [[99], [200, { "bad name": "1" }], [200, ["odd"]]] as never[]) {
        try {
          Reflect.apply(response.writeHead, response, given);
        } catch (error) {
          codes.push(Reflect.get(Object(error), "code"));
        }
      }
      response.end();
    });
    await new Browser("x").call(port, "/");
    expect(codes).toEqual(["ERR_HTTP_INVALID_STATUS_CODE", "ERR_INVALID_HTTP_TOKEN", "ERR_INVALID_ARG_VALUE"]);
  });
});

test("CKV-11 where the response has begun, the visitor's variant counts, and no cookie is set", async () => {
  // Neither is answered before both have arrived.
  let arrived: (() => void) | undefined;
  const port = await serve((assign) => async (request, response) => {
    const other = arrived;
    arrived = undefined;
    if (other === undefined) await new Promise<void>((resolve) => (arrived = resolve));
    else other();
    if (request.url === "/late") response.flushHeaders();
    response.end(await assign("checkout"));
  });
  for (let i = 0; i < 10; i++) {
    const [late, early] = [new Browser(`browser ${i}`), new Browser(`browser ${i}`)];
    const [first, second] = await Promise.all([late.call(port, "/late"), early.call(port, "/early")]);
    expect(first.body).toBe(second.body);
    expect(late.cookies.size).toBe(0);
    expect(early.cookies.size).toBe(2);
  }
});

test("CKV-12 a store's own visitor is the subject; one that fails or knows nobody leaves the subject as it was given", async () => {
  const answers: (() => unknown)[] = [
    () => "vip",
    () => Promise.reject(new Error("asynchronous")),
    () => undefined,
    () => "",
    () => 7,
    () => {
      throw new Error("down");
    },
  ];
  const subjects: string[] = [];
  const assigner = ({ subject }: { readonly subject: string }): string => {
    subjects.push(subject);
    return "a";
  };
  for (const answer of answers) {
    const port = await serve(
      (assign) => async (_, response) => {
        response.end(await assign("checkout", "user-7"));
      },
      {
        experiments: { checkout: { ...EXPERIMENTS.checkout, assigner } },
        // why: a store in JavaScript may answer anything
        store: { get: () => undefined, set: () => undefined, visitor: answer as () => string },
      },
    );
    await new Browser("x").call(port, "/");
  }
  expect(subjects).toEqual(["vip", "user-7", "user-7", "user-7", "user-7", "user-7"]);
});
