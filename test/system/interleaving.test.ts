import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { createExperiments, type Experiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, request as undiciRequest } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WireConnection } from "../../testing/wire/client.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { fastifyHarness } from "../support/frameworks/fastify.ts";
import { koaHarness } from "../support/frameworks/koa.ts";

const CONNECTIONS = 200;
const REQUESTS_EACH = 20;

/** Calls a service downstream, and gives back the baggage that arrived there. */
type Call = (origin: string) => Promise<string>;

interface Row {
  readonly harness: InboundHarness;
  readonly client: string;
  /** A client over fewer connections than there are requests under way, so that requests wait for one another. */
  open(experiments: Experiments): { readonly call: Call; close(): Promise<void> };
}

function pooledRequest(experiments: Experiments): ReturnType<Row["open"]> {
  const agent = new Agent({ connections: 20 });
  const dispatcher = agent.compose(experimentInterceptor(experiments));
  return {
    call: async (origin) => (await undiciRequest(origin, { dispatcher })).body.text(),
    close: () => agent.close(),
  };
}

function builtInFetch(experiments: Experiments): ReturnType<Row["open"]> {
  const fetchOn = experimentFetch(experiments);
  return { call: async (origin) => (await fetchOn(origin)).text(), close: async () => undefined };
}

const rows: readonly Row[] = [
  { harness: expressHarness("Express", express), client: "undici's pool", open: pooledRequest },
  { harness: koaHarness("Koa", Koa), client: "the built-in fetch", open: builtInFetch },
  { harness: fastifyHarness("Fastify", fastify), client: "undici's pool", open: pooledRequest },
];

/** Every seventh request has no variant, so that one that stays behind is seen there too. */
function variantOf(connection: number, i: number): string | undefined {
  return (connection + i) % 7 === 0 ? undefined : `v${connection}.${i}`;
}

let downstream: WireServer;

beforeAll(async () => {
  downstream = await startWireServer(({ lines }) => ({ body: headerValues(lines, "baggage").join(" and ") }));
});

afterAll(() => downstream.close());

describe.each(rows)("requests under way at once on $harness.name", ({ harness, client, open }) => {
  test(`IL-01 never see each other's variant, after a timer, a body and a call through ${client}`, async () => {
    const experiments = createExperiments({ trustInbound: true, propagateTo: [downstream.origin] });
    const { call, close } = open(experiments);
    let underWay = 0;
    let most = 0;

    async function echo({ request, reply }: InboundExchange): Promise<void> {
      most = Math.max(most, ++underWay);
      const seen = [experiments.variant("checkout")];
      const turn = Number(request.url?.slice(1)) % 4;
      // The body is awaited in half of the cases, so that it goes on from the socket; in the others it is there before.
      if (turn > 1) await delay(turn);
      seen.push(experiments.variant("checkout"));
      let body = "";
      request.on("data", (chunk: Buffer) => {
        seen.push(experiments.variant("checkout"));
        body += chunk.toString();
      });
      await new Promise((resolve) => request.on("end", resolve));
      seen.push(experiments.variant("checkout"));
      if (turn < 2) await delay(turn);
      seen.push(experiments.variant("checkout"));
      const passedOn = await call(downstream.origin);
      seen.push(experiments.variant("checkout"), experiments.of(request).variant("checkout"));
      underWay--;
      reply(200, JSON.stringify({ variants: [...new Set(seen.map(String))], body, passedOn }));
    }

    const server = await harness.serve({ mount: [experiments], handler: echo });
    const wrong: string[] = [];
    let count = 0;

    async function converse(id: number): Promise<void> {
      const connection = await WireConnection.open(server.port);
      for (let i = 0; i < REQUESTS_EACH; i++) {
        const variant = variantOf(id, i);
        const member = `experiment.checkout.variant=${variant}`;
        const lines = variant === undefined ? ["baggage: user=1"] : [`baggage: user=1,${member}`];
        const body = `the body of ${id}.${i}`;
        const head = ["content-type: application/octet-stream", `content-length: ${body.length}`, ...lines];
        const answered = connection.send({ method: "POST", path: `/${i}`, lines: head });
        await delay(1);
        connection.write(body);
        const answer = await answered;
        const passedOn = variant === undefined ? "" : member;
        if (answer.body !== JSON.stringify({ variants: [String(variant)], body, passedOn })) {
          wrong.push(`${variant}: ${answer.status} ${answer.body}`);
        }
        count++;
      }
      connection.close();
    }

    await Promise.all(Array.from({ length: CONNECTIONS }, (_, id) => converse(id)));
    await server.close();
    await close();
    await experiments.close();
    downstream.clear();
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(wrong).toHaveLength(0);
    expect(count).toBe(CONNECTIONS * REQUESTS_EACH);
    expect(most).toBeGreaterThan(CONNECTIONS / 4);
  });
});
