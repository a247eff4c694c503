import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import { createExperiments } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { listen } from "./harness/listening.ts";
import { nodeHarness } from "./harness/node.ts";

async function catching(work: () => Promise<void>): Promise<readonly string[]> {
  const caught: string[] = [];
  const note = (error: unknown): void => void caught.push(String(error));
  const events = ["uncaughtException", "unhandledRejection"];
  const standing = events.map((event) => [event, process.listeners(event as "uncaughtException")] as const);
  for (const event of events) process.removeAllListeners(event).on(event, note);
  await work();
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  for (const [event, listeners] of standing) {
    process.removeAllListeners(event);
    for (const listener of listeners) process.on(event, listener);
  }
  return caught;
}

// A predicate that is async by mistake, and rejects: nobody handles the promise, and Node ends the process.
test("RB-09 a predicate of trustInbound that gives a promise which rejects", async () => {
  const trustInbound = (() => Promise.reject(new Error("a database is away"))) as unknown as () => boolean;
  const experiments = createExperiments({ trustInbound });
  const server = await nodeHarness.serve({ mount: [experiments], handler: ({ reply }) => reply(200, "ok") });
  const caught = await catching(async () => {
    await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
    await server.close();
  });
  await experiments.close();
  expect(caught).toEqual([]);
});

// Outside of a scope currentScope() reads RPC metadata unguarded: current(), variant(), record() throw.
test("RB-14 asking outside of a scope, where RPC metadata hold no span or one that throws", () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const experiments = createExperiments({ trustInbound: true, strict: false });
  const fail = (): never => {
    throw new Error("a fault of the telemetry");
  };
  for (const span of [null, new Proxy({}, { get: fail })]) {
    const evil = setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, span: span as never });
    expect(() => context.with(evil, () => experiments.record("checkout", "express"))).not.toThrow();
  }
});

// A listener of close that throws keeps the scope from ending: emitInScope does not reach `after`.
test("RB-15 a scope is over although a listener of close throws", async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const experiments = createExperiments({ trustInbound: true });
  const written: string[] = [];
  const span = {
    isRecording: () => true,
    setAttributes: (attributes: object) => void written.push(...Object.keys(attributes)),
  };
  const done = Promise.withResolvers<void>();
  const caught = await catching(async () => {
    const listener = nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
      response.on("close", () => {
        setImmediate(() => {
          experiments.of(request).record("late", "v");
          done.resolve();
        });
        throw new Error("a listener's own");
      });
      response.end("ok");
    });
    const rpc = setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, span: span as never });
    const { port, close } = await listen(createServer((a, b) => context.with(rpc, () => listener(a, b))));
    await send(port);
    await done.promise;
    await close();
  });
  await experiments.close();
  expect(caught).toEqual(["Error: a listener's own"]);
  expect(written).toEqual([]);
});
