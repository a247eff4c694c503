import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { createExperiments, type Scope } from "otel-experiments";
import { type ExperimentsEnv, honoExperiments } from "otel-experiments/hono";
import { expect, expectTypeOf, test } from "vitest";
import { scopesOf } from "../../src/scope/chain.ts";
import { latestScope } from "../../src/scope/finding.ts";
import type { RequestScope } from "../../src/scope/request-scope.ts";
import { send } from "../../testing/wire/client.ts";
import { closed } from "../support/experiments.ts";
import { listen } from "../support/listening.ts";
import { EXPRESS_VARIANT, trusting } from "./trusting.ts";

const BAGGAGE = { baggage: "experiment.checkout.variant=express" };

test("HO-01 the scope stands in the context, typed, and is found by the context and by node:http's request", async () => {
  const experiments = trusting();
  const app = new Hono<ExperimentsEnv & { Bindings: { incoming: object } }>();
  app.use(cors()).use(honoExperiments(experiments));
  app.get("/", (context) => {
    expectTypeOf(context.get("experiments")).toEqualTypeOf<Scope>();
    expectTypeOf(context.var.experiments).toEqualTypeOf<Scope>();
    const scope: object = experiments.current();
    return context.json([
      context.var.experiments.variant("checkout"),
      context.var.experiments === scope,
      experiments.of(context) === scope,
      experiments.of(context.env.incoming) === scope,
    ]);
  });
  // why: without options of HTTP/2 the server is one of node:http
  const server = await listen(createAdaptorServer({ fetch: app.fetch }) as Server);
  const { body } = await send(server.port, { lines: [EXPRESS_VARIANT] });
  await server.close();
  expect(JSON.parse(body)).toEqual(["express", true, true, true]);
});

test("HO-02 handlers behind it have its type where it is chained", () => {
  const app = new Hono().use(honoExperiments(trusting()));
  app.get("/", (context) => {
    expectTypeOf(context.var.experiments).toEqualTypeOf<Scope>();
    return context.text("ok");
  });
  expect(app.routes).toHaveLength(2);
});

test("HO-03 an app that is asked without a server has scopes too, one for each request", async () => {
  const experiments = trusting();
  const app = new Hono<ExperimentsEnv>().use(honoExperiments(experiments));
  app.get("/", async (context) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const scope: object = context.get("experiments");
    return context.text(`${experiments.variant("checkout")} ${scope === experiments.of(context)}`);
  });
  const answers = await Promise.all([
    app.request("/", { headers: BAGGAGE }),
    app.request("/"),
    app.request("/", { headers: { baggage: "experiment.checkout.variant=control" } }),
  ]);
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual([
    "express true",
    "undefined true",
    "control true",
  ]);
});

test("HO-04 without a server nobody's network is known, so that no network is trusted", async () => {
  const experiments = closed(createExperiments({ trustInbound: ["0.0.0.0/0", "::/0"] }));
  const app = new Hono<ExperimentsEnv>().use(honoExperiments(experiments));
  app.get("/", (context) => context.text(experiments.variant("checkout") ?? "none"));
  expect(await (await app.request("/", { headers: BAGGAGE })).text()).toBe("none");
});

test("HO-05 an error reaches the app's own handler in the scope, with a server and without", async () => {
  const experiments = trusting();
  const app = new Hono<ExperimentsEnv>();
  app.onError((error, context) => context.text(`${error.message} ${experiments.variant("checkout")}`, 500));
  app.use(honoExperiments(experiments));
  app.get("/", () => {
    throw new Error("broken");
  });
  const direct = await app.request("/", { headers: BAGGAGE });
  expect([direct.status, await direct.text()]).toEqual([500, "broken express"]);
  // why: without options of HTTP/2 the server is one of node:http
  const server = await listen(createAdaptorServer({ fetch: app.fetch }) as Server);
  const served = await send(server.port, { lines: [EXPRESS_VARIANT] });
  await server.close();
  expect([served.status, served.body]).toEqual([500, "broken express"]);
});

test("HO-06 a request without a server is over also where something is thrown that is no error", async () => {
  const experiments = trusting();
  const app = new Hono<ExperimentsEnv>().use(honoExperiments(experiments));
  let scope: RequestScope | undefined;
  app.get("/", () => {
    scope = latestScope();
    // why: it is none
    throw "nothing that Hono answers for" as unknown as Error;
  });
  await expect(Promise.resolve(app.request("/", { headers: BAGGAGE }))).rejects.toBe("nothing that Hono answers for");
  expect(scope?.ended).toBe(true);
});

test("HO-07 several instances have one request without a server, which the outermost one ends", async () => {
  const [outer, inner] = [trusting(), trusting()];
  const app = new Hono().use(honoExperiments(outer));
  let endedBetween: unknown;
  let scopes: readonly RequestScope[] = [];
  app.use(async (_, next) => {
    await next();
    endedBetween = scopes.map(({ ended }) => ended);
  });
  app.use(honoExperiments(inner));
  app.get("/", (context) => {
    scopes = scopesOf(latestScope());
    return context.json([outer.variant("checkout"), inner.variant("checkout")]);
  });
  const answer = await app.request("/", { headers: BAGGAGE });
  expect(await answer.json()).toEqual(["express", "express"]);
  expect(endedBetween).toEqual([false, false]);
  expect(scopes.map(({ ended }) => ended)).toEqual([true, true]);
});
