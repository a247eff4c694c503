import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, expect, test } from "vitest";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { startNetwork } from "../support/network.ts";
import { arrivals, openStage, own } from "../support/service-stage.ts";

const network = await startNetwork();
const { experiments, serve, close } = await openStage({ propagateTo: ["https://secure.shop.internal"] });
afterAll(async () => {
  await close();
  await network.close();
});

/** As agent-base does it, and so https-proxy-agent, socks-proxy-agent and others: the stack says who asks. */
class StackAgent extends http.Agent {
  isSecure(): boolean {
    return (new Error("who asks").stack ?? "").split("\n").some((line) => line.includes("node:https:"));
  }

  get protocol(): string {
    return this.isSecure() ? "https:" : "http:";
  }

  set protocol(_protocol: string) {
    // http.Agent's constructor sets it.
  }

  get defaultPort(): number {
    return this.protocol === "https:" ? 443 : 80;
  }

  set defaultPort(_port: number) {
    // http.Agent's constructor sets it.
  }

  override createConnection(): tls.TLSSocket {
    return tls.connect({ port: network.tlsPort, host: "127.0.0.1", rejectUnauthorized: false });
  }
}

test("OUT-L10 an agent that knows its default port by the stack is taken at its word", async () => {
  const over = experimentFetch(experiments, async (input: string, init?: RequestInit) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    await new Promise((resolve, reject) => {
      https
        .get(input, { agent: new StackAgent(), headers }, (response) => response.resume().on("end", resolve))
        .on("error", reject);
    });
    return new Response();
  });
  await serve(own("express"), () => over("https://secure.shop.internal/x", {}));
  expect(arrivals(network.server)).toEqual([SHOWS_DESTINATION ? [own("express")] : []]);
});
