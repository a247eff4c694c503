import { once } from "node:events";
import { createServer, IncomingMessage, type Server, ServerResponse } from "node:http";
import { ExperimentConfigError } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import supertest from "supertest";
import { expect, test } from "vitest";
import { send, WireConnection } from "../../testing/wire/client.ts";
import { listen } from "../support/listening.ts";
import { EXPRESS_VARIANT, trusting } from "./trusting.ts";

test("NO-01 gives back what the handler gives back, and throws and rejects with what it does", async () => {
  const experiments = trusting();
  const failure = new Error("the user's own");
  const handlers: Readonly<Record<string, () => unknown>> = {
    value: () => "a value",
    promise: () => Promise.resolve("a promise's value"),
    throw: () => {
      throw failure;
    },
    reject: () => Promise.reject(failure),
  };
  const results: Record<string, unknown> = {};
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const how = request.url?.slice(1) ?? "";
    try {
      const result = nodeExperiments(experiments, () => handlers[how]?.())(request, response);
      results[how] = [result instanceof Promise, await result];
    } catch (error) {
      results[how] = error;
    }
    response.end();
  };
  const server = createServer((request, response) => void serve(request, response));
  const { port, close } = await listen(server);
  for (const how of Object.keys(handlers)) await send(port, { path: `/${how}` });
  await close();
  expect(results).toEqual({
    value: [false, "a value"],
    promise: [true, "a promise's value"],
    throw: failure,
    reject: failure,
  });
  expect(results["throw"]).toBe(failure);
  expect(results["reject"]).toBe(failure);
});

test("NO-02 has one scope for several listeners of one server, wrapped or not", async () => {
  const experiments = trusting();
  const scopes: unknown[] = [];
  const server = createServer(
    nodeExperiments(experiments, () => {
      scopes.push(experiments.current());
    }),
  );
  server.on("request", (request) => scopes.push(experiments.of(request)));
  server.on(
    "request",
    nodeExperiments(experiments, (_request, response) => {
      scopes.push(experiments.current());
      response.end(experiments.variant("checkout"));
    }),
  );
  const { port, close } = await listen(server);
  expect((await send(port, { lines: [EXPRESS_VARIANT] })).body).toBe("express");
  await close();
  expect(scopes).toHaveLength(3);
  expect(new Set(scopes).size).toBe(1);
});

test("NO-08 leaves no scope behind for what is called after the listener", async () => {
  const experiments = trusting();
  const outside = experiments.current();
  const after: unknown[] = [];
  const server = createServer(
    nodeExperiments(experiments, (_request, response) => void response.end(experiments.variant("checkout"))),
  );
  server.on("request", () => {
    after.push(experiments.current());
    setImmediate(() => after.push(experiments.current()));
  });
  const { port, close } = await listen(server);
  expect((await send(port, { lines: [EXPRESS_VARIANT] })).body).toBe("express");
  await close();
  expect(after).toEqual([outside, outside]);
  expect(new Set(after).size).toBe(1);
});

test("NO-03 serves requests that expect to be asked to continue", async () => {
  const experiments = trusting();
  const variant = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.on(
    "checkContinue",
    nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      request.on("end", () => variant.resolve(experiments.variant("checkout"))).resume();
    }),
  );
  const { port, close } = await listen(server);
  const connection = await WireConnection.open(port);
  const { status } = await connection.send({
    method: "POST",
    lines: ["expect: 100-continue", EXPRESS_VARIANT],
    body: "a body that was sent without waiting",
  });
  expect(status).toBe(100);
  expect(await variant.promise).toBe("express");
  connection.close();
  await close();
});

test("NO-04 hands the handler the server's own kinds of request and response", async () => {
  const experiments = trusting();
  class TimedRequest extends IncomingMessage {
    readonly arrivedAt = 7;
  }
  class TimedResponse extends ServerResponse<TimedRequest> {
    readonly kind = "timed";
  }
  const server = createServer(
    { IncomingMessage: TimedRequest, ServerResponse: TimedResponse },
    nodeExperiments(experiments, (request: TimedRequest, response: TimedResponse) => {
      response.end(`${request.arrivedAt} ${response.kind} ${experiments.variant("checkout")}`);
    }),
  );
  const { port, close } = await listen(server);
  expect((await send(port, { lines: [EXPRESS_VARIANT] })).body).toBe("7 timed express");
  await close();
});

test("NO-05 opens an empty scope for supertest's requests, which the handler can fill", async () => {
  const experiments = trusting();
  const listener = nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
    const before = experiments.current().assignments.length;
    experiments.record("checkout", "single_page");
    response.end(`${before} ${experiments.of(request).variant("checkout")}`);
  });
  expect((await supertest(listener).get("/")).text).toBe("0 single_page");
  expect((await supertest(listener).get("/")).text).toBe("0 single_page");
});

test("NO-06 lets the emitters of request and response keep their results, their receivers and their errors", async () => {
  const experiments = trusting();
  const failure = new Error("a listener's own");
  const seen = Promise.withResolvers<unknown[]>();
  const server = createServer(
    nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
      const results: unknown[] = [response.emit("nobody listens")];
      response.on("called", function called(this: unknown, ...args) {
        results.push(this === response, args);
      });
      results.push(response.emit("called", 1, "two"));
      response.on("failing", () => {
        throw failure;
      });
      try {
        response.emit("failing");
      } catch (error) {
        results.push(error === failure);
      }
      once(request, "once").then(([value]) => results.push(value), seen.reject);
      results.push(request.emit("once", "given"), request.listenerCount("once"));
      setImmediate(() => {
        response.end();
        seen.resolve(results);
      });
    }),
  );
  const { port, close } = await listen(server);
  await send(port);
  await close();
  expect(await seen.promise).toEqual([false, true, [1, "two"], true, true, true, 0, "given"]);
});

test("NO-07 is refused at set-up without experiments, and has a name that a stack shows", () => {
  // @ts-expect-error: what a caller without types may do
  expect(() => nodeExperiments({}, () => undefined)).toThrow(ExperimentConfigError);
  expect(nodeExperiments(trusting(), () => undefined).name).toBe("experimentsListener");
});

test("NO-09 hands the handler the server as this, as node:http does", async () => {
  let receiver: unknown;
  function handler(this: Server | undefined, _request: IncomingMessage, response: ServerResponse): void {
    receiver = this;
    response.end();
  }
  const server = createServer(nodeExperiments(trusting(), handler));
  const { port, close } = await listen(server);
  await send(port);
  await close();
  expect(receiver).toBe(server);
});
