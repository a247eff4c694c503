import { createServer, type RequestListener, type Server } from "node:http";
import { type HttpBindings, serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createExperiments } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { honoExperiments } from "otel-experiments/hono";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { acceptOverrides, signOverride } from "otel-experiments/override";
import { afterEach, describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";

// What else a response sets stays as it is, whoever sets it and when.

const SECRET = "a secret of the tests, long enough";
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function experimentsOf(key = "checkout", store = cookieStore({ secrets: SECRET })) {
  const experiments = createExperiments({ experiments: { [key]: { id: `${key}_1`, variants: ["a", "b"] } }, store });
  closing.push(() => experiments.close());
  return { experiments, assign: () => experiments.assign(key, "user-7") };
}

/** The `Set-Cookie` lines of a server's answer: ours, the visitor's and the variant's, as one word each. */
async function cookiesOf(server: Server, lines: readonly string[] = []): Promise<readonly string[]> {
  if (!server.listening) await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const answer = await send(port, { lines });
  return headerValues(answer.lines, "set-cookie").map((line) =>
    line.replace(/^experiments=.*/, "visitor").replace(/^experiments\..*/, "variant"),
  );
}

/** Handlers here give promises that do not reject. */
const listening = (listener: (...exchange: Parameters<RequestListener>) => unknown): Server =>
  createServer((request, response) => void listener(request, response));

/** A Hono app, served by node:http. */
function honoServer(app: Hono<{ Bindings: HttpBindings }>): Server {
  // why: without options for HTTP/2 it is a server of node:http
  return serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
}

describe("a cookie of ours leaves the application's cookies alone", () => {
  test("CKS-01 on node:http, before and after", async () => {
    const { experiments, assign } = experimentsOf();
    const server = listening(
      nodeExperiments(experiments, async (_, response) => {
        response.setHeader("set-cookie", "before=1");
        await assign();
        response.appendHeader("set-cookie", "after=1");
        response.end();
      }),
    );
    expect(await cookiesOf(server)).toEqual(["before=1", "visitor", "variant", "after=1"]);
  });

  test("CKS-02 on Express, by res.cookie", async () => {
    const { experiments, assign } = experimentsOf();
    const app = express().use(expressExperiments(experiments));
    app.get("/", async (_, response) => {
      response.cookie("before", "1");
      await assign();
      response.cookie("after", "1").end();
    });
    expect(await cookiesOf(listening(app))).toEqual(["before=1; Path=/", "visitor", "variant", "after=1; Path=/"]);
  });

  test("CKS-03 on Koa, by ctx.cookies", async () => {
    const { experiments, assign } = experimentsOf();
    const app = new Koa().use(koaExperiments(experiments)).use(async (context) => {
      context.cookies.set("before", "1");
      await assign();
      context.cookies.set("after", "1", { overwrite: true });
      context.body = "";
    });
    expect(await cookiesOf(listening(app.callback()))).toEqual([
      "before=1; path=/; httponly",
      "visitor",
      "variant",
      "after=1; path=/; httponly",
    ]);
  });

  test("CKS-04 on Fastify, by reply.header, and on what is below it", async () => {
    const { experiments, assign } = experimentsOf();
    for (const isRaw of [false, true]) {
      const app = fastify();
      await app.register(fastifyExperiments, { experiments });
      app.get("/", async (_, reply) => {
        if (isRaw) reply.raw.setHeader("set-cookie", "before=1");
        else reply.header("set-cookie", "before=1");
        await assign();
        reply.header("set-cookie", "after=1");
        return "";
      });
      await app.listen({ port: 0, host: "127.0.0.1" });
      expect(await cookiesOf(app.server)).toEqual(["before=1", "visitor", "variant", "after=1"]);
    }
  });

  const answers = {
    "the context": (context: { body(text: string): Response }) => context.body(""),
    "a response of its own": () => new Response("", { headers: [["set-cookie", "own=1"]] }),
  };
  test.each(Object.entries(answers))("CKS-05 on Hono, which answers by %s", async (_, answer) => {
    const { experiments, assign } = experimentsOf();
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use(honoExperiments(experiments));
    app.get("/", async (context) => {
      context.header("set-cookie", "before=1", { append: true });
      await assign();
      context.header("set-cookie", "after=1", { append: true });
      return answer(context);
    });
    const without = new Hono<{ Bindings: HttpBindings }>();
    without.get("/", async (context) => {
      context.header("set-cookie", "before=1", { append: true });
      context.header("set-cookie", "after=1", { append: true });
      return answer(context);
    });
    expect(await cookiesOf(honoServer(app))).toEqual([...(await cookiesOf(honoServer(without))), "visitor", "variant"]);
  });
});

test("CKS-06 several instances on one request share the visitor's cookie, and each has its own for the variant", async () => {
  for (const store of [undefined, cookieStore({ secrets: SECRET })]) {
    const [one, two] = [experimentsOf("checkout", store), experimentsOf("search", store)];
    const app = express().use(expressExperiments(one.experiments), expressExperiments(two.experiments));
    app.get("/", async (_, response) => {
      await one.assign();
      await two.assign();
      response.end();
    });
    const server = listening(app);
    await cookiesOf(server);
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const lines = headerValues((await send(port, {})).lines, "set-cookie");
    expect(lines.map((line) => line.split("=")[0])).toEqual([
      "experiments",
      "experiments.checkout_1",
      "experiments.search_1",
    ]);
  }
});

test("CKS-07 on Hono without a server, several instances and an override in the query", async () => {
  const accepts = { secrets: SECRET, audience: "staging", from: { query: "qa" } };
  const edge = createExperiments({
    experiments: { checkout: { id: "checkout_1", variants: ["a", "b"] } },
    overrides: acceptOverrides(accepts),
  });
  const { experiments, assign } = experimentsOf("search");
  closing.push(() => edge.close());
  const app = new Hono().use(honoExperiments(edge)).use(honoExperiments(experiments));
  app.get("/", async (context) => {
    await assign();
    return context.json([edge.variant("checkout"), experiments.variant("search") !== undefined]);
  });
  const token = signOverride({ checkout: "b" }, { secret: SECRET, audience: "staging" });
  const answer = await app.request(`/?qa=${token}`);
  expect(await answer.json()).toEqual(["b", true]);
  expect(answer.headers.getSetCookie()).toHaveLength(2);
});

test("CKS-08 where the response has begun, nothing of it changes, and the request goes on", async () => {
  const { experiments, assign } = experimentsOf();
  const app = fastify();
  await app.register(fastifyExperiments, { experiments });
  let variant: string | undefined;
  app.get("/", async (_, reply) => {
    reply.raw.writeHead(200, { "set-cookie": "app=1" });
    variant = await assign();
    reply.raw.end();
    return reply.hijack();
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  expect(await cookiesOf(app.server)).toEqual(["app=1"]);
  expect(["a", "b"]).toContain(variant);
});

test("CKS-09 a cookie of the same name that somebody else signed, or nobody, takes nobody's variant away", async () => {
  const { experiments, assign } = experimentsOf();
  const server = listening(
    nodeExperiments(experiments, async (_, response) => {
      await assign();
      response.end();
    }),
  );
  closing.push(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const cookiesFor = async (cookie: string, agent = "x") =>
    headerValues((await send(port, { lines: [`user-agent: ${agent}`, `cookie: ${cookie}`] })).lines, "set-cookie");
  const ours = (await cookiesFor("a=b")).map((line) => line.split(";", 1)[0]).join("; ");
  const forged = `experiments=${"A".repeat(22)}!${"A".repeat(43)}`;
  expect(await cookiesFor(ours)).toEqual([]);
  expect(await cookiesFor(`${forged}; experiments=; ${ours}`)).toEqual([]);
  expect(await cookiesFor(forged)).toHaveLength(2);
  expect(await cookiesFor(`${"experiments=x; ".repeat(500)}${ours}`, "y")).toHaveLength(2);
});
