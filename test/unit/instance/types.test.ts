import http from "node:http";
import https from "node:https";
import { Router } from "@koa/router";
import express from "express";
import express4 from "express-4";
import fastify, { type FastifyRequest } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import Koa2 from "koa-2";
import nodeFetch from "node-fetch";
import {
  type CheckedRegistry,
  createExperiments,
  defineExperiments,
  type ExperimentKey,
  type Experiments,
  type ExperimentsHandle,
  type ExperimentsOptions,
  type Registry,
  type Scope,
  type VariantOf,
} from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experimentFetch } from "otel-experiments/fetch";
import { honoExperiments } from "otel-experiments/hono";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { openFeatureAssigner } from "otel-experiments/openfeature";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, fetch as fetch8, interceptors, MockAgent, Pool } from "undici";
import { Agent as Agent6, fetch as fetch6, Pool as Pool6 } from "undici-6";
import { Agent as Agent7, fetch as fetch7, interceptors as interceptors7 } from "undici-7";
import { afterAll, describe, expect, expectTypeOf, test } from "vitest";
import { openRequest } from "../../support/opened-request.ts";

// The compiler holds these: `tsc -p .` fails where one does not. What runs is only that nothing throws.

const shared = defineExperiments({
  checkout: { id: "checkout_1", variants: { control: 2, single_page: 1, express: 1 } },
  search: { id: "search_1", variants: ["control", "semantic"] },
});

const typed = createExperiments({ experiments: shared, primary: "checkout", strict: false });
const inline = createExperiments({
  experiments: { cart: { id: "cart_1", variants: ["small", "big"] } },
  primary: "cart",
  strict: false,
});
const loose = createExperiments({ trustInbound: true, primary: "anything", strict: false });

type Checkout = "control" | "single_page" | "express";
type Search = "control" | "semantic";

afterAll(async () => {
  for (const experiments of [typed, inline, loose]) await experiments.close();
});

describe("with a registry", () => {
  test("TYP-01 keys and variants are those that it declares, as a list or with weights", () => {
    expectTypeOf(typed.variant("checkout")).toEqualTypeOf<Checkout | undefined>();
    expectTypeOf(typed.variant("search")).toEqualTypeOf<Search | undefined>();
    expectTypeOf(typed.record("checkout", "express")).toEqualTypeOf<Checkout | undefined>();
    expectTypeOf(inline.variant("cart")).toEqualTypeOf<"small" | "big" | undefined>();
    expectTypeOf(inline.record("cart", "big")).toEqualTypeOf<"small" | "big" | undefined>();
  });

  test("TYP-50 assigning, using and converting know keys and variants", async () => {
    expectTypeOf(typed.assign("checkout", "user-7")).toEqualTypeOf<Promise<Checkout | undefined>>();
    expectTypeOf(typed.use("search")).toEqualTypeOf<Search | undefined>();
    expectTypeOf(typed.current().assign("search", undefined)).toEqualTypeOf<Promise<Search | undefined>>();
    expectTypeOf(loose.use("whatever")).toEqualTypeOf<string | undefined>();
    await openRequest(typed).run(async () => {
      // @ts-expect-error -- no such experiment
      expect(await typed.assign("chekout", "user-7")).toBeUndefined();
      // @ts-expect-error -- a subject is a text
      expect(await typed.assign("checkout", 7)).toBeUndefined();
      // @ts-expect-error -- no such experiment
      expect(typed.use("chekout")).toBeUndefined();
      // @ts-expect-error -- no such experiment
      typed.expose("chekout");
      // @ts-expect-error -- no such experiment
      typed.convert("order_placed", { experiment: "chekout" });
      // @ts-expect-error -- a value is a number
      typed.convert("order_placed", { value: "49.90" });
    });
  });

  test("TYP-02 an unknown key, an unknown variant and another experiment's variant are errors", () => {
    openRequest(typed).run(() => {
      // @ts-expect-error -- no such experiment
      expect(typed.variant("chekout")).toBeUndefined();
      // @ts-expect-error -- no such experiment
      expect(typed.record("chekout", "express")).toBeUndefined();
      // @ts-expect-error -- no such variant
      expect(typed.record("checkout", "expres")).toBeUndefined();
      // @ts-expect-error -- a variant of search
      expect(typed.record("checkout", "semantic")).toBeUndefined();
      // @ts-expect-error -- no such experiment
      expect(typed.current().variant("chekout")).toBeUndefined();
      // @ts-expect-error -- no such variant
      expect(typed.of({}).record("checkout", "expres")).toBeUndefined();
      // @ts-expect-error -- no such variant
      expect(inline.record("cart", "medium")).toBeUndefined();
      // @ts-expect-error -- a key is a text
      expect(typed.variant(1)).toBeUndefined();
    });
  });

  test("TYP-03 scopes carry the types on", () => {
    expectTypeOf(typed.current()).toEqualTypeOf<Scope<typeof shared>>();
    expectTypeOf(typed.current().variant("checkout")).toEqualTypeOf<Checkout | undefined>();
    expectTypeOf(typed.of({}).record("search", "semantic")).toEqualTypeOf<Search | undefined>();
  });

  test("TYP-04 a function that is generic over the keys gives the variants of the one it gets", () => {
    function variantOf<K extends ExperimentKey<typeof shared>>(key: K): VariantOf<typeof shared, K> | undefined {
      return typed.variant(key);
    }
    expectTypeOf<ExperimentKey<typeof shared>>().toEqualTypeOf<"checkout" | "search">();
    expectTypeOf<VariantOf<typeof shared, "checkout">>().toEqualTypeOf<Checkout>();
    expectTypeOf(variantOf("search")).toEqualTypeOf<Search | undefined>();
  });

  test("TYP-05 the primary is one of its keys", () => {
    expect(() =>
      createExperiments({
        experiments: { checkout: { id: "checkout_1", variants: ["a", "b"] } },
        // @ts-expect-error -- not a declared experiment
        primary: "search",
      }),
    ).toThrow("primary");
  });

  test("TYP-06 a weight is a number, a variant a text, and an experiment has both its fields", () => {
    // @ts-expect-error -- a weight is a number
    expect(() => defineExperiments({ a: { id: "a_1", variants: { x: "1" } } })).toThrow("weight");
    // @ts-expect-error -- a variant is a text
    expect(() => defineExperiments({ a: { id: "a_1", variants: [1] } })).toThrow("variants");
    // @ts-expect-error -- the id is missing
    expect(() => defineExperiments({ a: { variants: ["x"] } })).toThrow("id");
    // @ts-expect-error -- the variants are missing
    expect(() => defineExperiments({ a: { id: "a_1" } })).toThrow("variants");
  });

  test("TYP-07 an unknown option is an error", () => {
    // @ts-expect-error -- misspelt
    expect(() => createExperiments({ experiments: shared, propogateTo: [] })).toThrow("propagateTo");
    // @ts-expect-error -- no regular expressions
    expect(() => createExperiments({ experiments: shared, propagateTo: [/shop/] })).toThrow("propagateTo");
    // @ts-expect-error -- a predicate answers at once
    const asynchronous = createExperiments({ trustInbound: async () => true });
    expect(asynchronous.current().assignments).toEqual([]);
    return asynchronous.close();
  });
});

describe("the options of an experiment", () => {
  const flags: { ask(key: string): string; askLater(key: string): Promise<string> } = {
    ask: () => "control",
    askLater: async () => "control",
  };
  const base = { id: "a_1", variants: ["control", "express"] } as const;

  test("TYP-51 are checked beside the inference of keys and variants, whatever form they have", async () => {
    const experiments = createExperiments({
      experiments: {
        listed: {
          ...base,
          fallback: "control",
          assigner: async ({ subject, signal }) => (signal.aborted || subject === "" ? undefined : "express"),
          namespace: { name: "page", range: [0, 0.5] },
          targeting: ({ country }) => country === "SE",
        },
        weighted: {
          id: "b_1",
          variants: { control: 2, express: 1 },
          assigner: () => ({ variant: "express", reason: "split" }),
          fallback: "express",
        },
        asked: { ...base, id: "c_1", assigner: ({ key }) => flags.ask(key) },
        later: { ...base, id: "d_1", assigner: ({ key }) => flags.askLater(key), timeLimitMs: 100 },
        given: { ...base, id: "e_1", assigner: openFeatureAssigner({ getStringDetails: async () => ({ value: "" }) }) },
      },
      primary: "listed",
    });
    for (const key of ["listed", "weighted", "asked", "later", "given"] as const) {
      expectTypeOf(experiments.use(key)).toEqualTypeOf<"control" | "express" | undefined>();
    }
    const parts = defineExperiments({ a: { ...base, fallback: "express" } });
    const joined = createExperiments({ experiments: { ...parts, b: { id: "b_1", variants: ["x", "y"] } } });
    expectTypeOf(joined.use("a")).toEqualTypeOf<"control" | "express" | undefined>();
    expectTypeOf(joined.use("b")).toEqualTypeOf<"x" | "y" | undefined>();
    for (const each of [experiments, joined]) await each.close();
  });

  test("TYP-52 that are misspelt, or name no variant, are errors", () => {
    // @ts-expect-error -- misspelt
    expect(() => createExperiments({ experiments: { a: { ...base, wieghts: { control: 1 } } } })).toThrow("wieghts");
    // @ts-expect-error -- misspelt
    expect(() => defineExperiments({ a: { ...base, covarage: 1 } })).toThrow("coverage");
    // @ts-expect-error -- no variant
    expect(() => createExperiments({ experiments: { a: { ...base, fallback: "nope" } } })).toThrow("fallback");
    // @ts-expect-error -- no variant
    expect(() => defineExperiments({ a: { id: "a_1", variants: { x: 1 }, fallback: "y" } })).toThrow("fallback");
    // @ts-expect-error -- a share
    expect(() => defineExperiments({ a: { ...base, coverage: "1" } })).toThrow("coverage");
    // @ts-expect-error -- no such status
    expect(() => defineExperiments({ a: { ...base, status: "paused" } })).toThrow("status");
    // @ts-expect-error -- part of no namespace
    defineExperiments({ a: { ...base, namespace: { name: "page", range: [0, 1], ragne: 1 } } });
  });

  test("TYP-53 an assigner that can answer an unknown variant is an error, in every form of the answer", () => {
    // @ts-expect-error -- no variant
    defineExperiments({ a: { ...base, assigner: () => "nope" } });
    // @ts-expect-error -- no variant
    defineExperiments({ a: { ...base, assigner: ({ subject }) => (subject === "" ? "control" : "nope") } });
    // @ts-expect-error -- no variant
    defineExperiments({ a: { ...base, assigner: async ({ subject }) => (subject === "" ? undefined : "nope") } });
    // @ts-expect-error -- no variant
    defineExperiments({ a: { ...base, assigner: () => ({ variant: "nope" }) } });
    // @ts-expect-error -- no variant
    defineExperiments({ a: { ...base, assigner: async () => ({ variant: "nope", reason: "split" }) } });
    // @ts-expect-error -- no answer
    expect(defineExperiments({ a: { ...base, assigner: () => 1 } })).toBeDefined();
  });

  test("TYP-54 a function that is generic over a registry hands it on", async () => {
    function create<const R extends Registry>(registry: R & CheckedRegistry<R>): Experiments<R> {
      return createExperiments<R>({ experiments: registry });
    }
    const experiments = create({ a: { ...base, fallback: "control" } });
    expectTypeOf(experiments.use("a")).toEqualTypeOf<"control" | "express" | undefined>();
    await experiments.close();
  });
});

describe("without a registry", () => {
  test("TYP-10 keys and variants are strings", () => {
    expectTypeOf(loose).toEqualTypeOf<Experiments>();
    expectTypeOf(loose.variant("whatever")).toEqualTypeOf<string | undefined>();
    expectTypeOf(loose.record("whatever", "they_say")).toEqualTypeOf<string | undefined>();
    expectTypeOf<ExperimentKey<Registry>>().toEqualTypeOf<string>();
    expectTypeOf<VariantOf<Registry, string>>().toEqualTypeOf<string>();
    // @ts-expect-error -- a variant is a text
    expect(loose.record("whatever", 1)).toBeUndefined();
  });

  test("TYP-11 options whose registry is known at run time only give strings too", async () => {
    const options: ExperimentsOptions = {
      experiments: JSON.parse('{"a":{"id":"a_1","variants":["x","y"]}}') as Registry,
    }; // why: this is what the file holds
    const experiments = createExperiments(options);
    expectTypeOf(experiments.record("a", "x")).toEqualTypeOf<string | undefined>();
    await experiments.close();
  });
});

describe("what is given out", () => {
  test("TYP-20 is read-only", () => {
    const scope = typed.current();
    const change = (): void => {
      // @ts-expect-error -- assignments are added by record alone
      scope.assignments.push({ key: "checkout", id: "checkout_1", variant: "express", forced: false });
    };
    expect(change).toBeTypeOf("function");
    expectTypeOf(scope.assignments).toExtend<readonly object[]>();
    expectTypeOf<Scope["assignments"][number]["variant"]>().toEqualTypeOf<string>();
    expectTypeOf<Scope["assignments"][number]["id"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Scope["assignments"][number]["forced"]>().toEqualTypeOf<boolean>();
  });

  test("TYP-21 is a handle for every adapter, whatever its registry", () => {
    expectTypeOf(typed).toExtend<ExperimentsHandle>();
    expectTypeOf(inline).toExtend<ExperimentsHandle>();
    expectTypeOf(loose).toExtend<ExperimentsHandle>();
    // @ts-expect-error -- not made by createExperiments
    expect(() => expressExperiments({})).toThrow("createExperiments");
  });
});

describe("the adapters", () => {
  test("TYP-30 fit Express 5 and 4, their routers and single routes", () => {
    expectTypeOf(expressExperiments(typed)).toExtend<express.RequestHandler>();
    const app = express();
    app.use(expressExperiments(typed));
    app.use("/shop", expressExperiments(loose));
    app.get("/", expressExperiments(inline), (_request, response) => void response.end());
    express.Router().use(expressExperiments(typed));
    expect(express4().use(expressExperiments(typed))).toBeTypeOf("function");
  });

  test("TYP-31 fit Koa 3 and 2, typed state and context, and @koa/router", () => {
    // Koa's use() infers what a middleware asks of its context, so that it takes any; the type alone tells.
    expectTypeOf(koaExperiments(typed)).toExtend<Koa.Middleware>();
    expectTypeOf(koaExperiments(typed)).toExtend<Koa.Middleware<{ user: string }, { extra: number }>>();
    new Koa().use(koaExperiments(typed));
    new Koa<{ user: string }, { extra: number }>().use(koaExperiments(typed));
    new Koa2().use(koaExperiments(typed));
    const router = new Router().use(koaExperiments(typed)).get("/", koaExperiments(loose));
    expect(router.routes()).toBeTypeOf("function");
  });

  test("TYP-32 fit Fastify over HTTP, HTTPS and HTTP/2, and type its requests", async () => {
    const app = fastify();
    await app.register(fastifyExperiments, { experiments: typed });
    expectTypeOf<FastifyRequest["experiments"]>().toEqualTypeOf<Scope>();
    app.get("/", (request, reply) => {
      expectTypeOf(request.experiments.variant("checkout")).toEqualTypeOf<string | undefined>();
      reply.send(request.experiments.variant("checkout") ?? "none");
    });
    expect((await app.inject("/")).body).toBe("none");
    const secure = fastify({ https: {} });
    await secure.register(fastifyExperiments, { experiments: loose });
    const second = fastify({ http2: true });
    await second.register(fastifyExperiments, { experiments: loose });
    const wrong = (): unknown =>
      // @ts-expect-error -- the plugin needs the experiments
      app.register(fastifyExperiments, {});
    expect(wrong).toBeTypeOf("function");
    for (const server of [app, secure, second]) await server.close();
  });

  test("VIS-11 type the request of their options as the framework does, and the keys as the registry does", () => {
    const app = express();
    app.use(expressExperiments(typed, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
    app.use("/shop", expressExperiments(typed, { subject: (req) => req.get("x-user-id"), assign: ["search"] }));
    const user = (request: express.Request): string | undefined => request.ip;
    app.use(expressExperiments(typed, { subject: user, attributes: (req) => ({ ip: req.ip }) }));
    const koa = new Koa();
    koa.use(koaExperiments(typed, { subject: (ctx) => ctx.get("x-user-id"), assign: ["checkout"] }));
    koa.use(koaExperiments(typed, { subject: (ctx: Koa.Context) => ctx.ip, assign: ["checkout"] }));
    const hono = new Hono();
    hono.use(honoExperiments(typed, { subject: (c) => c.req.header("x-user-id"), assign: ["checkout"] }));
    const handler = (_request: http.IncomingMessage, response: http.ServerResponse): void => void response.end();
    const subject = (request: http.IncomingMessage): string | undefined => request.headers.authorization;
    http.createServer(nodeExperiments(typed, handler, { subject, assign: ["checkout"] }));
    fastify().register(fastifyExperiments, { experiments: typed, subject: (req) => req.ip, assign: ["checkout"] });
    const wrong = (): unknown[] => [
      // @ts-expect-error -- no experiment has this key
      expressExperiments(typed, { subject: user, assign: ["chekout"] }),
      // @ts-expect-error -- no experiment has this key
      koaExperiments(typed, { subject: (ctx) => ctx.get("x-user-id"), assign: ["chekout"] }),
      // @ts-expect-error -- no experiment has this key
      honoExperiments(typed, { subject: (c) => c.req.header("x-user-id"), assign: ["chekout"] }),
      // @ts-expect-error -- no experiment has this key
      nodeExperiments(typed, handler, { subject, assign: ["chekout"] }),
      // @ts-expect-error -- a subject is a text
      expressExperiments(typed, { subject: () => 7 }),
    ];
    expect(wrong).toBeTypeOf("function");
  });

  test("TYP-33 fit node:http and node:https, and give the handler's result on", () => {
    http.createServer(nodeExperiments(typed, (_request, response) => void response.end()));
    https.createServer(nodeExperiments(typed, (_request, response) => response.end()));
    http.createServer(nodeExperiments(typed, express()));
    const koa = nodeExperiments(loose, new Koa().callback());
    http.createServer((request, response) => void koa(request, response));
    const listener = nodeExperiments(typed, async (request: http.IncomingMessage, response: http.ServerResponse) => {
      response.end();
      return request.url;
    });
    expectTypeOf(listener).returns.resolves.toEqualTypeOf<string | undefined>();
    expect(listener).toBeTypeOf("function");
  });

  test("TYP-34 fit undici 8, 7 and 6, alone and with its own interceptors", async () => {
    const interceptor = experimentInterceptor(typed);
    const dispatchers = [
      new Agent().compose(interceptor),
      new Agent().compose(interceptors.redirect(), interceptor),
      new Agent().compose([interceptor, interceptors.retry()]),
      new Pool("http://127.0.0.1:1").compose(interceptor),
      new MockAgent().compose(interceptor),
      new Agent7().compose(interceptor),
      new Agent7().compose(interceptors7.redirect(), interceptor),
      new Agent6().compose(interceptor),
      new Pool6("http://127.0.0.1:1").compose(interceptor),
    ];
    expect(dispatchers).toHaveLength(9);
    for (const dispatcher of dispatchers) await dispatcher.close();
  });

  test("TYP-35 give a fetch that stands in for the built-in one, and take it", () => {
    expectTypeOf(experimentFetch(typed)).toEqualTypeOf<typeof fetch>();
    expectTypeOf(experimentFetch(loose, fetch)).toEqualTypeOf<typeof fetch>();
    expectTypeOf(experimentFetch(typed)).returns.resolves.toEqualTypeOf<Response>();
  });

  test("TYP-36 take another fetch, undici's or node-fetch's, and give one of its type", () => {
    expectTypeOf(experimentFetch(typed, fetch8)).toEqualTypeOf<typeof fetch8>();
    expectTypeOf(experimentFetch(typed, fetch7)).toEqualTypeOf<typeof fetch7>();
    expectTypeOf(experimentFetch(typed, fetch6)).toEqualTypeOf<typeof fetch6>();
    expectTypeOf(experimentFetch(typed, nodeFetch)).toEqualTypeOf<typeof nodeFetch>();
    const wrong = (): unknown =>
      // @ts-expect-error -- not a fetch
      experimentFetch(typed, "fetch");
    expect(wrong).toBeTypeOf("function");
  });
});
