import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { InboundHarness, OutboundHarness } from "otel-experiments/testing";
import { persistentExperiments } from "./persistent-experiments.ts";
import { type Middleware, Tiny } from "./tiny.ts";
import { tinyExperiments } from "./tiny-experiments.ts";

export const tinyHarness: InboundHarness = {
  name: "Tiny",
  lacks: {
    "IN-08": "Tiny has no parser of multipart forms",
    "IN-15": "Tiny reports errors outside of its middleware; of(request) finds the scope there",
  },
  async serve({ mount, options, prepare, handler, onError }) {
    const app = new Tiny();
    for (const experiments of mount) app.use(tinyExperiments(experiments, options));
    if (prepare === "json") app.use(parseJson);
    if (prepare === "end") app.use(readAway);
    app.use(async (context) => {
      const { req, res, state, body } = context;
      const reply = (status: number, text: string): void => void res.writeHead(status).end(text);
      await handler({ request: req, response: res, native: context, placed: state["experiments"], body, reply });
    });
    app.onError = (error, { req, res }) => {
      onError?.(error, { request: req });
      res.writeHead(500).end("failed");
    };
    const server = createServer(app.listener()).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      port: (server.address() as AddressInfo).port, // why: a server on a TCP port has an address of this form
      async close() {
        server.close().closeAllConnections();
        await once(server, "close");
      },
    };
  },
};

export const persistentHarness: OutboundHarness = {
  name: "the persistent client",
  create(experiments) {
    const request = persistentExperiments(experiments);
    return {
      async request(url, init) {
        const response = await request(url, init);
        return { status: response.status, body: await response.text() };
      },
      close: async () => undefined,
    };
  },
};

const parseJson: Middleware = async (context, next) => {
  if (context.req.method === "POST") context.body = await json(context.req);
  return next();
};

const readAway: Middleware = ({ req }, next) =>
  new Promise((resolve, reject) => {
    req.on("end", () => void next().then(resolve, reject)).resume();
  });
