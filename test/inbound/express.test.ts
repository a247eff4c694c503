import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import express, { type NextFunction, type Request, type Response } from "express";
import express4 from "express-4";
import { ExperimentConfigError } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import type { InboundServer } from "otel-experiments/testing";
import supertest from "supertest";
import { describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { closed } from "../support/experiments.ts";
import { listen } from "../support/listening.ts";
import { EXPRESS_VARIANT, type Trusting, trusting } from "./trusting.ts";

async function listening(app: express.Express): Promise<InboundServer> {
  return closed(await listen(createServer(app)));
}

const versions = [
  { version: 5, framework: express },
  { version: 4, framework: express4 },
];

describe.each(versions)("Express $version", ({ version, framework }) => {
  test("EX-01 keeps the scope through nested routers, their parameters and their middleware", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const note = (place: string): void => void seen.push(`${place}: ${experiments.variant("checkout")}`);
    const app = framework();
    const outer = framework.Router();
    const inner = framework.Router({ mergeParams: true });
    app.use(expressExperiments(experiments));
    app.use("/shops/:shop", outer);
    outer.use((_request, _response, next) => {
      note("outer");
      setImmediate(next);
    });
    outer.param("item", (_request, _response, next, item: string) => {
      note(`parameter ${item}`);
      next();
    });
    outer.use("/items/:item", inner);
    inner.use((_request, _response, next) => {
      queueMicrotask(() => {
        note("inner");
        next("router");
      });
    });
    inner.get("/", () => note("must be passed over"));
    outer.get(
      "/items/:item",
      (_request, _response, next) => next("route"),
      () => note("must be passed over"),
    );
    outer.get("/items/:item", (request, response) => {
      note("route");
      response.json({ ...request.params, same: response.locals["experiments"] === experiments.current() });
    });
    const { port } = await listening(app);
    const { status, body } = await send(port, { path: "/shops/7/items/42", lines: [EXPRESS_VARIANT] });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ item: "42", same: true });
    expect([...new Set(seen)]).toEqual(["outer: express", "parameter 42: express", "inner: express", "route: express"]);
  });

  test("EX-02 has one scope in an app and in the apps that are mounted in it", async () => {
    const experiments = trusting();
    const scopes: unknown[] = [];
    const note = (_request: Request, response: Response, next: NextFunction): void => {
      scopes.push(experiments.current(), response.locals["experiments"]);
      next();
    };
    const app = framework();
    const shop = framework();
    const admin = framework();
    app.use(expressExperiments(experiments), note);
    app.use("/shop", shop);
    shop.use(note);
    shop.use("/admin", admin);
    admin.use(expressExperiments(experiments), note);
    admin.get("/", (_request, response) => {
      experiments.record("search", "semantic");
      response.send(experiments.variant("checkout"));
    });
    app.use((_request, response) => response.status(404).send("passed on"));
    const { port } = await listening(app);
    const { body } = await send(port, { path: "/shop/admin", lines: [EXPRESS_VARIANT] });
    expect(body).toBe("express");
    expect(scopes).toHaveLength(6);
    expect(new Set(scopes).size).toBe(1);
    expect((await send(port, { path: "/shop/other", lines: [EXPRESS_VARIANT] })).body).toBe("passed on");
  });

  test("EX-03 opens no scope where it is not mounted", async () => {
    const experiments = trusting();
    const outside = experiments.current();
    const app = framework();
    app.use("/in", expressExperiments(experiments));
    app.use((request, response) => {
      response.send(`${experiments.current() === outside} ${experiments.of(request) === outside}`);
    });
    expect((await supertest(app).get("/in/side")).text).toBe("false false");
    expect((await supertest(app).get("/out")).text).toBe("true true");
  });

  test("EX-11 leaves no scope behind for the middleware in front of it, once next() has returned", async () => {
    const experiments = trusting();
    const outside = experiments.current();
    const after: boolean[] = [];
    const app = framework();
    app.use((_request, _response, next) => {
      next();
      after.push(experiments.current() === outside);
      setImmediate(() => after.push(experiments.current() === outside));
    });
    app.use(expressExperiments(experiments));
    app.use((_request, response) => response.send(experiments.variant("checkout")));
    const { port } = await listening(app);
    expect((await send(port, { lines: [EXPRESS_VARIANT] })).body).toBe("express");
    expect(after).toEqual([true, true]);
  });

  test("EX-04 keeps the scope in error-handling middleware, however the error came there", async () => {
    const experiments = trusting();
    const app = framework();
    const failure = new Error("the user's own");
    const fail: Record<string, (next: NextFunction) => unknown> = {
      next: (next) => next(failure),
      throw: () => {
        throw failure;
      },
      later: (next) => setTimeout(() => next(failure), 1),
      ...(version === 5 && { reject: () => Promise.reject(failure) }),
    };
    app.use(expressExperiments(experiments));
    app.get("/:how", (request, _response, next) => fail[request.params.how]?.(next));
    app.use((error: unknown, _request: Request, _response: Response, next: NextFunction) => {
      setImmediate(() => next(error));
    });
    app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
      const same = experiments.of(request) === experiments.current();
      response.status(503).send(`${error === failure} ${same} ${experiments.variant("checkout")}`);
    });
    const { port } = await listening(app);
    for (const how of Object.keys(fail)) {
      const { status, body } = await send(port, { path: `/${how}`, lines: [EXPRESS_VARIANT] });
      expect([how, status, body]).toEqual([how, 503, "true true express"]);
    }
  });

  test("EX-05 gives templates the scope, since Express hands them res.locals", async () => {
    const experiments = trusting();
    const app = framework();
    app.engine("ts", (_path, options, done) => {
      const { experiments: scope } = options as { experiments: ReturnType<Trusting["current"]> }; // why: what Express merges of res.locals
      done(null, `${scope.variant("search")} of ${scope === experiments.current()}`);
    });
    app.set("views", fileURLToPath(new URL(".", import.meta.url)));
    app.use(expressExperiments(experiments));
    app.get("/", (_request, response) => {
      experiments.record("search", "semantic");
      response.render("express.test.ts");
    });
    expect((await supertest(app).get("/")).text).toBe("semantic of true");
  });

  test("EX-06 keeps the scope behind each of Express's parsers", async () => {
    const experiments = trusting();
    const app = framework();
    app.use(expressExperiments(experiments));
    app.use((_request, _response, next) => {
      experiments.record("search", "bm25");
      next();
    });
    app.post("/json", framework.json({ limit: "1mb" }));
    app.post("/form", framework.urlencoded({ extended: true, limit: "1mb" }));
    app.post("/text", framework.text({ limit: "1mb" }));
    app.post("/raw", framework.raw({ limit: "1mb" }));
    app.post("/:parser", (request, response) => {
      response.send(`${JSON.stringify(request.body).length > 50_000} ${experiments.variant("search")}`);
    });
    const long = "x".repeat(60_000);
    const answers = [
      await supertest(app).post("/json").send({ long }),
      await supertest(app).post("/form").type("form").send({ long }),
      await supertest(app).post("/text").type("text").send(long),
      await supertest(app).post("/raw").type("application/octet-stream").send(Buffer.from(long)),
    ];
    expect(answers.map(({ text }) => text)).toEqual(["true bm25", "true bm25", "true bm25", "true bm25"]);
  });

  test("EX-07 keeps the scope while a file is sent, and in the callback of its end", async () => {
    const experiments = trusting();
    const seen: unknown[] = [];
    const done = Promise.withResolvers<void>();
    const app = framework();
    app.use(expressExperiments(experiments));
    app.get("/", (_request, response) => {
      experiments.record("search", "bm25");
      response.sendFile(fileURLToPath(import.meta.url), () => {
        seen.push(experiments.variant("search"));
        done.resolve();
      });
    });
    await supertest(app).get("/").expect(200);
    await done.promise;
    expect(seen).toEqual(["bm25"]);
  });

  test("EX-08 leaves Express's own answers as they are: not found, a failed parser, a redirect, an entity tag", async () => {
    const experiments = trusting();
    const answers = async (middleware: readonly express.RequestHandler[]): Promise<unknown[]> => {
      const app = framework();
      for (const handler of middleware) app.use(handler);
      app.use(framework.json());
      app.get("/moved", (_request, response) => response.redirect("/elsewhere"));
      app.get("/tagged", (_request, response) => void response.json({ a: 1 }));
      app.get("/streamed", (_request, response) => {
        response.write("one ");
        setImmediate(() => response.end("two"));
      });
      const all = [];
      for (const { status, headers, text } of [
        await supertest(app).get("/missing"),
        await supertest(app).head("/tagged"),
        await supertest(app).get("/tagged"),
        await supertest(app).get("/tagged").set("if-none-match", "*"),
        await supertest(app).get("/moved"),
        await supertest(app).get("/streamed"),
        await supertest(app).post("/").type("json").send("{ malformed").set("accept", "application/json"),
      ]) {
        const { date: _date, "content-length": _length, ...rest } = headers as Record<string, string>; // why: supertest's headers are any
        all.push([status, rest, text?.replace(/<br>.*/s, "")]);
      }
      return all;
    };
    expect(await answers([expressExperiments(experiments)])).toEqual(await answers([]));
  });

  test("EX-09 opens an empty scope for supertest's requests, which the handler can fill", async () => {
    const experiments = trusting();
    const app = framework();
    app.use(expressExperiments(experiments));
    app.get("/", (_request, response) => {
      const before = experiments.current().assignments.length;
      experiments.record("checkout", "single_page");
      const { experiments: scope } = response.locals as { experiments: ReturnType<Trusting["current"]> }; // why: what the middleware put there
      response.json([before, scope.variant("checkout"), scope.assignments.length]);
    });
    expect((await supertest(app).get("/")).body).toEqual([0, "single_page", 1]);
    expect((await supertest(app).get("/")).body).toEqual([0, "single_page", 1]);
  });
});

test("EX-10 is refused at set-up without experiments, and has a name that a stack shows", () => {
  // @ts-expect-error: what a caller without types may do
  expect(() => expressExperiments(undefined)).toThrow(ExperimentConfigError);
  expect(expressExperiments(trusting()).name).toBe("experimentsMiddleware");
});
