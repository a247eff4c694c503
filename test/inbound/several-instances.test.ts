import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { listen } from "../support/listening.ts";

const checkout = createExperiments({ trustInbound: true, prefix: "checkout." });
const search = createExperiments({ trustInbound: true, prefix: "search." });

afterAll(async () => {
  await checkout.close();
  await search.close();
});

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const { port, close } = await listen(createServer(listener));
  const { body } = await send(port, { lines: ["baggage: checkout.a.variant=one,search.b.variant=two"] });
  await close();
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
