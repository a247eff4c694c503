import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createExperiments } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { listen } from "./harness/listening.ts";

test("NO-09 hands the handler the server as this, as node:http does", async () => {
  const experiments = createExperiments({ trustInbound: true });
  let receiver: unknown;
  const server = createServer(
    nodeExperiments(
      experiments,
      function handler(this: Server | undefined, _request: IncomingMessage, response: ServerResponse) {
        receiver = this;
        response.end();
      },
    ),
  );
  const { port, close } = await listen(server);
  await send(port);
  await close();
  await experiments.close();
  expect(receiver).toBe(server);
});

test("RB-08 a header that nobody sent is undefined, whatever its name", async () => {
  const seen: unknown[] = [];
  const experiments = createExperiments({
    trustInbound: ({ header }) => {
      seen.push(header("__proto__"), header("constructor"), header("toString"));
      return true;
    },
  });
  const { port, close } = await listen(
    createServer(nodeExperiments(experiments, (_q: IncomingMessage, r: ServerResponse) => void r.end())),
  );
  await send(port, { lines: ["baggage: experiment.checkout.variant=express"] });
  await close();
  await experiments.close();
  expect(seen).toEqual([undefined, undefined, undefined]);
});
