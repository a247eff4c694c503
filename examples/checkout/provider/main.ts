// A payment provider: another company, which knows nothing of the shop's experiments and uses no OpenTelemetry.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { log, serve } from "../service.ts";
import { charges } from "./charges.ts";
import { received } from "./received.ts";
import { stalls } from "./stalls.ts";

type Handler = (request: IncomingMessage, match: RegExpExecArray) => Promise<readonly [status: number, body: object]>;

const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ["POST", /^\/v1\/charges$/, charge],
  ["POST", /^\/v1\/cancellations$/, cancel],
  // In this provider's test mode, every customer has the same card on file.
  ["GET", /^\/v1\/customers\/[\w-]+\/card$/, async () => [200, { brand: "Visa", last4: "4242" }]],
  // For those who run the example: to make it stall, and to see what reached it.
  ["POST", /^\/control$/, async (request) => [200, stalls.set(await json(request))]],
  ["GET", /^\/control\/requests$/, async () => [200, received.report()]],
  ["GET", /^\/healthz$/, async () => [204, {}]],
];

async function charge(request: IncomingMessage): Promise<readonly [number, object]> {
  const key = keyOf(request);
  const body: unknown = await json(request);
  await stalls.wait(key);
  const answer = charges.charge(key, body);
  return [answer.status === "approved" ? 200 : 402, answer];
}

async function cancel(request: IncomingMessage): Promise<readonly [number, object]> {
  request.resume();
  return [200, charges.cancel(keyOf(request))];
}

function keyOf({ headers }: IncomingMessage): string {
  const key = headers["idempotency-key"];
  if (typeof key !== "string") throw new Error("the idempotency-key is missing");
  return key;
}

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = "/" } = request;
  if (url.startsWith("/v1/")) received.keep(request);
  for (const [routeMethod, path, handler] of routes) {
    const match = path.exec(url);
    if (method !== routeMethod || match === null) continue;
    const [status, body] = await handler(request, match);
    response.writeHead(status, { "content-type": "application/json" }).end(status === 204 ? "" : JSON.stringify(body));
    return;
  }
  response.writeHead(404).end();
}

const server = createServer((request, response) => {
  route(request, response).catch((error: unknown) => {
    log.warn({ reason: error instanceof SyntaxError ? "the body is no JSON" : String(error) }, "a bad request");
    response.writeHead(400).end();
  });
});

await serve(server);
