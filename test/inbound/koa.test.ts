import { createServer } from "node:http";
import { Readable } from "node:stream";
import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa from "koa";
import Koa2 from "koa-2";
import { ExperimentConfigError } from "otel-experiments";
import { koaExperiments } from "otel-experiments/koa";
import type { InboundServer } from "otel-experiments/testing";
import supertest from "supertest";
import { describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { closed } from "../support/experiments.ts";
import { listen } from "../support/listening.ts";
import { EXPRESS_VARIANT, trusting } from "./trusting.ts";

/** Koa's callback, as the listener that supertest and node:http take. */
function listenerOf(app: Koa): Parameters<typeof createServer>[1] & object {
  const serve = app.callback();
  return (request, response) => void serve(request, response);
}

async function listening(app: Koa): Promise<InboundServer> {
  return closed(await listen(createServer(listenerOf(app))));
}

const versions = [
  { version: 3, Framework: Koa },
  { version: 2, Framework: Koa2 },
];

describe.each(versions)("Koa $version", ({ Framework }) => {
  test("KO-01 has the scope in ctx.state and in current(), on the way down and on the way up", async () => {
    const experiments = trusting();
    const seen: unknown[] = [];
    const app = new Framework();
    app.use(koaExperiments(experiments));
    app.use(async (context, next) => {
      seen.push(context.state["experiments"], experiments.current());
      await next();
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(context.state["experiments"], experiments.current(), experiments.of(context));
    });
    app.use(async (context) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      experiments.record("search", "semantic");
      context.body = experiments.variant("checkout");
    });
    const { port } = await listening(app);
    const { status, body } = await send(port, { lines: [EXPRESS_VARIANT] });
    expect([status, body]).toEqual([200, "express"]);
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toMatchObject({ assignments: [{ variant: "express" }, { variant: "semantic" }] });
  });

  test("KO-02 emits the app's error event in the scope of its request, also for errors that come late", async () => {
    const experiments = trusting();
    const app = new Framework();
    const failure = new Error("the user's own");
    const seen: unknown[] = [];
    app.on("error", (error: unknown, context: Koa.Context) => {
      const same = experiments.of(context) === experiments.current();
      seen.push(`${context.path} ${error === failure} ${experiments.variant("checkout")} ${same}`);
    });
    app.use(koaExperiments(experiments));
    app.use(async (context) => {
      if (context.path === "/later") await new Promise((resolve) => setTimeout(resolve, 1));
      if (context.path === "/stream") {
        context.body = new Readable({
          read() {
            this.destroy(failure);
          },
        });
        return;
      }
      throw failure;
    });
    const { port } = await listening(app);
    for (const path of ["/at-once", "/later"]) {
      const { status, body } = await send(port, { path, lines: [EXPRESS_VARIANT] });
      expect([status, body]).toEqual([500, "Internal Server Error"]);
    }
    await send(port, { path: "/stream", lines: [EXPRESS_VARIANT] }).catch(() => undefined);
    // Koa 3 tells of a stream's error twice, with us and without.
    expect([...new Set(seen)]).toEqual([
      "/at-once true express true",
      "/later true express true",
      "/stream true express true",
    ]);
  });

  test("KO-03 lets a try/catch in front of it find the scope by the context, and leaves none behind there", async () => {
    const experiments = trusting();
    const app = new Framework();
    const outside = experiments.current();
    const failure = new Error("the user's own");
    app.use(async (context, next) => {
      try {
        await next();
      } catch (error) {
        const scope = experiments.of(context);
        context.status = 409;
        context.body = [error === failure, scope.variant("checkout"), experiments.current() === outside];
      }
    });
    app.use(koaExperiments(experiments));
    app.use(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw failure;
    });
    const { port } = await listening(app);
    const { status, body } = await send(port, { lines: [EXPRESS_VARIANT] });
    expect([status, JSON.parse(body)]).toEqual([409, [true, "express", true]]);
  });

  test("KO-04 keeps the scope through nested routers, their parameters and the body's parser", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = new Framework();
    const items = new Router();
    items.param("item", async (_item, _context, next) => {
      seen.push(`parameter: ${experiments.variant("search")}`);
      await next();
    });
    items.post("/items/:item", bodyParser({ jsonLimit: "1mb" }), (context) => {
      seen.push(`route: ${experiments.variant("search")}`);
      context.body = { ...context["params"], bytes: JSON.stringify(Reflect.get(context.request, "body")).length };
    });
    const shops = new Router({ prefix: "/shops/:shop" });
    shops.use(async (_context, next) => {
      experiments.record("search", "bm25");
      await next();
    });
    shops.use(items.routes());
    app.use(koaExperiments(experiments));
    app.use(shops.routes()).use(shops.allowedMethods());
    const { body } = await supertest(listenerOf(app))
      .post("/shops/7/items/42")
      .send({ long: "x".repeat(60_000) });
    expect(body).toEqual({ shop: "7", item: "42", bytes: 60_011 });
    expect(seen).toEqual(["parameter: bm25", "route: bm25"]);
  });

  test("KO-05 leaves Koa's own answers as they are: not found, thrown statuses, streams, an entity tag", async () => {
    const experiments = trusting();
    const answers = async (middleware: readonly Koa.Middleware[]): Promise<unknown[]> => {
      const app = new Framework();
      app.silent = true;
      for (const one of middleware) app.use(one);
      app.use((context) => {
        experiments.record("search", "bm25");
        if (context.path === "/thrown") context.throw(402, "pay first", { expose: true, headers: { "x-price": "3" } });
        if (context.path === "/failed") throw new Error("secret");
        if (context.path === "/streamed") context.body = Readable.from(["one ", "two"]);
        if (context.path === "/moved") context.redirect("/elsewhere");
        if (context.path === "/json") context.body = { a: 1 };
        if (context.path === "/empty") context.body = null;
        if (context.path === "/raw") {
          context.respond = false;
          context.res.end("raw");
        }
      });
      const listener = listenerOf(app);
      const all: unknown[] = [];
      for (const path of ["/missing", "/thrown", "/failed", "/streamed", "/moved", "/json", "/empty", "/raw"]) {
        const { status, headers, text } = await supertest(listener).get(path);
        const { date: _date, ...rest } = headers as Record<string, string>; // why: supertest's headers are any
        all.push([path, status, rest, text]);
      }
      return all;
    };
    expect(await answers([koaExperiments(experiments)])).toEqual(await answers([]));
  });

  test("KO-06 leaves an app's own onerror in force", async () => {
    const experiments = trusting();
    const app = new Framework();
    const failure = new Error("the user's own");
    const seen: unknown[] = [];
    app.context.onerror = function onerror(this: Koa.Context, error: Error) {
      if (error === null) return;
      seen.push([this.path, error === failure, experiments.variant("checkout")]);
      this.res.statusCode = 418;
      this.res.end("a teapot");
    };
    app.use(koaExperiments(experiments));
    app.use(() => {
      throw failure;
    });
    const { port } = await listening(app);
    const { status, body } = await send(port, { path: "/tea", lines: [EXPRESS_VARIANT] });
    expect([status, body]).toEqual([418, "a teapot"]);
    expect(seen).toEqual([["/tea", true, "express"]]);
  });

  test("KO-07 opens an empty scope for supertest's requests, which the handler can fill", async () => {
    const experiments = trusting();
    const app = new Framework();
    app.use(koaExperiments(experiments));
    app.use((context) => {
      const before = experiments.current().assignments.length;
      experiments.record("checkout", "single_page");
      context.body = [before, experiments.of(context.req).variant("checkout")];
    });
    const listener = listenerOf(app);
    expect((await supertest(listener).get("/")).body).toEqual([0, "single_page"]);
    expect((await supertest(listener).get("/")).body).toEqual([0, "single_page"]);
  });
});

test("KO-08 is refused at set-up without experiments, and has a name that a stack shows", () => {
  // @ts-expect-error: what a caller without types may do
  expect(() => koaExperiments(null)).toThrow(ExperimentConfigError);
  expect(koaExperiments(trusting()).name).toBe("experimentsMiddleware");
});
