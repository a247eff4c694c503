import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { nodeExperiments } from "otel-experiments/node";
import { expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";

const checkout = createExperiments({ trustInbound: true, prefix: "checkout." });
const search = createExperiments({ trustInbound: true, prefix: "search." });

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = http.createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  const { body } = await send(port, { lines: ["baggage: checkout.a.variant=one,search.b.variant=two"] });
  server.close();
  await once(server, "close");
  return body;
}

const answer = (_request: IncomingMessage, response: ServerResponse): void => {
  response.end(
    JSON.stringify([checkout.variant("a"), search.variant("b"), checkout.variant("b"), search.variant("a")]),
  );
};

test("SEV-01 two instances on one request each see their own, in whichever order they are mounted, and mounted again", async () => {
  const twice = nodeExperiments(checkout, nodeExperiments(search, answer));
  const again = nodeExperiments(search, nodeExperiments(checkout, nodeExperiments(search, answer)));
  expect(JSON.parse(await serve(twice))).toEqual(["one", "two", null, null]);
  expect(JSON.parse(await serve(again))).toEqual(["one", "two", null, null]);
});

test("SEV-02 Express's middleware serves a request that has no locals, as those of connect", async () => {
  const middleware = expressExperiments(checkout);
  const body = await serve((request, response) => middleware(request, response, () => answer(request, response)));
  expect(JSON.parse(body)).toEqual(["one", null, null, null]);
});
