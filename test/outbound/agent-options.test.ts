import http from "node:http";
import nodeFetch from "node-fetch";
import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, afterEach, expect, test } from "vitest";
import { startNetwork } from "./egress/network.ts";
import { arrivals, openStage, own, startRedirectingServer } from "./service-stage.ts";

const allowed = await startRedirectingServer();
const network = await startNetwork();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin, "http://127.0.0.1"] });

afterEach(() => network.server.clear());
afterAll(async () => {
  await close();
  await allowed.close();
  await network.close();
});

function over(agent: http.Agent): (input: string) => Promise<unknown> {
  return experimentFetch(experiments, (input: string, init?: object) => nodeFetch(input, { ...init, agent }));
}

// "Here the agent options will override per-request options", lib/_http_agent.js, addRequest.
test.each([
  ["host and port", () => ({ host: "127.0.0.1", port: network.port })],
  ["port", () => ({ port: network.port })],
  ["socketPath", () => ({ socketPath: network.socketPath })],
])("OUT-L6 an agent whose own %s send the request elsewhere takes no own member there", async (_name, options) => {
  await serve(own("express"), () => over(new http.Agent(options() as http.AgentOptions))(allowed.origin));
  expect(network.server.requests).toHaveLength(1);
  expect(arrivals(network.server)).toEqual([[]]);
});

test("OUT-L7 an agent whose default port is not that of the scheme does not pass for it", async () => {
  class OddAgent extends http.Agent {
    defaultPort = network.port;
  }
  await serve(own("express"), () => over(new OddAgent())(`http://127.0.0.1:${network.port}/`));
  expect(network.server.requests).toHaveLength(1);
  expect(arrivals(network.server)).toEqual([[]]);
});
