import http from "node:http";
import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { nodeExperiments } from "otel-experiments/node";
import supertest from "supertest";
import { Agent as Agent8, fetch as fetch8, Pool as Pool8, request as request8 } from "undici";
import { request as request6 } from "undici-6";
import { request as request7 } from "undici-7";
import { afterEach, describe, expect, test } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { listen } from "../support/listening.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function experimentsOf(trustInbound: boolean) {
  const experiments = createExperiments({
    experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
    trustInbound,
  });
  closers.push(() => experiments.close());
  return experiments;
}

/** The origin of a server, which is closed behind the test. */
async function originOf(server: http.Server): Promise<string> {
  const { port, close } = await listen(server);
  closers.push(close);
  return `http://127.0.0.1:${port}`;
}

/** The origin of a server that answers with the variant. */
function serverOf(experiments: ReturnType<typeof experimentsOf>): Promise<string> {
  return originOf(
    http.createServer(
      nodeExperiments(experiments, (_request, response) => {
        response.end(experiments.variant("checkout") ?? "none");
      }),
    ),
  );
}

const headers = { baggage: "experiment.checkout.variant=express,user=1" };

function httpGet(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { headers }, (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => resolve(body));
      })
      .on("error", reject);
  });
}

const clients: readonly (readonly [name: string, get: (url: string) => Promise<string>])[] = [
  ["the built-in fetch", async (url) => (await fetch(url, { headers })).text()],
  ["node:http", httpGet],
  ["undici 8's fetch", async (url) => (await fetch8(url, { headers })).text()],
  ["undici 8", async (url) => (await request8(url, { headers })).body.text()],
  ["undici 7", async (url) => (await request7(url, { headers })).body.text()],
  ["undici 6", async (url) => (await request6(url, { headers })).body.text()],
];

describe("a request that the process makes to itself", () => {
  test.each(clients)(
    "SELF-01 %s: is judged as one from outside, where its server trusts callers",
    async (_name, get) => {
      expect(await get(await serverOf(experimentsOf(true)))).toBe("express");
    },
  );

  test.each(clients)(
    "SELF-02 %s: is judged as one from outside, where its server trusts nobody",
    async (_name, get) => {
      expect(await get(await serverOf(experimentsOf(false)))).toBe("none");
    },
  );

  test("SELF-03 works with supertest", async () => {
    const experiments = experimentsOf(true);
    const app = express();
    app.use(expressExperiments(experiments));
    app.get("/", (_request, response) => void response.send(experiments.variant("checkout")));
    const answers = [await supertest(app).get("/").set("baggage", headers.baggage), await supertest(app).get("/")];
    expect(answers.map(({ text }) => text)).toEqual(["express", ""]);
  });

  test("SELF-08 works behind a mount path, and with a query", async () => {
    const experiments = experimentsOf(true);
    const app = express();
    const router = express.Router();
    router.use(expressExperiments(experiments));
    router.get("/cart", (_request, response) => void response.send(experiments.variant("checkout")));
    app.use("/shop", router);
    const answer = await supertest(app).get("/shop/cart").query({ item: "1" }).set("baggage", headers.baggage);
    expect(answer.text).toBe("express");
  });

  test("SELF-04 keeps 2,000 of them apart, on connections that they share", async () => {
    const experiments = createExperiments({ trustInbound: true });
    closers.push(() => experiments.close());
    const server = http.createServer(
      nodeExperiments(experiments, (_request, response) => {
        setImmediate(() => response.end(experiments.variant("checkout") ?? "none"));
      }),
    );
    const origin = await originOf(server);
    const agent = new Agent8({ connections: 20, pipelining: 4 });
    const answers = await Promise.all(
      Array.from({ length: 2000 }, async (_, i) => {
        const baggage = i % 3 === 0 ? "user=1" : `experiment.checkout.variant=v${i}`;
        const { body } = await request8(origin, { dispatcher: agent, headers: { baggage } });
        return (await body.text()) === (i % 3 === 0 ? "none" : `v${i}`);
      }),
    );
    expect(answers.filter((right) => !right)).toHaveLength(0);
    await agent.close();
  });

  test("SELF-05 sends nothing over the wire", async () => {
    experimentsOf(true);
    const sink = await startWireServer();
    closers.push(() => sink.close());
    for (const [, get] of clients) await get(sink.origin);
    expect(sink.baggage()).toEqual(clients.map(() => ["user=1"]));
  });

  test("SELF-06 does not give a stranger's members back to a server that trusts its own process", async () => {
    const inner = experimentsOf(true);
    const innerOrigin = await serverOf(inner);
    const edge = experimentsOf(false);
    const server = http.createServer(
      nodeExperiments(edge, (request, response) => {
        void fetch(innerOrigin, { headers: { baggage: "experiment.checkout.variant=express" } })
          .then((answer) => answer.text())
          .then((text) => response.end(text));
        request.resume();
      }),
    );
    expect(await (await fetch(await originOf(server))).text()).toBe("none");
  });

  test("SELF-07 remembers nothing of requests that went elsewhere", async () => {
    const experiments = experimentsOf(true);
    const sink = await startWireServer();
    closers.push(() => sink.close());
    const pool = new Pool8(sink.origin, { connections: 1 });
    closers.push(() => pool.close());
    for (let i = 0; i < 10; i++) await (await pool.request({ path: "/", method: "GET", headers })).body.text();
    const origin = await serverOf(experiments);
    expect(await (await fetch(origin)).text()).toBe("none");
  });
});
