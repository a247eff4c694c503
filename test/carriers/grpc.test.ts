import { createRequire } from "node:module";
import type * as Grpc from "@grpc/grpc-js";
import { propagation, SpanKind } from "@opentelemetry/api";
import { CompositePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { GrpcInstrumentation } from "@opentelemetry/instrumentation-grpc";
import { createExperiments } from "otel-experiments";
import { ExperimentPropagator, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { experimentAttributes, startTracing } from "../support/tracing.ts";

// gRPC over HTTP/2 on loopback: a job calls the cart, the cart calls the payment, each with a server of its own.

const tracing = startTracing([new GrpcInstrumentation()], undefined, [new ExperimentSpanProcessor()]);
const grpc: typeof Grpc = createRequire(import.meta.url)("@grpc/grpc-js");

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
  trustInbound: true,
  strict: true,
});

const method = {
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer): Buffer => value,
  requestDeserialize: (bytes: Buffer): Buffer => bytes,
  responseSerialize: (value: Buffer): Buffer => value,
  responseDeserialize: (bytes: Buffer): Buffer => bytes,
};

type Handler = () => string | undefined | Promise<string | undefined>;

interface Service {
  /** What each call's `baggage` was, on the wire. */
  readonly received: (readonly Grpc.MetadataValue[])[];
  call(metadata?: Grpc.Metadata): Promise<string>;
  close(): void;
}

/** A service with one method, which answers what its handler gives. */
async function startService(name: string, handler: Handler): Promise<Service> {
  const definition = { Call: { ...method, path: `/${name}/Call`, originalName: "call" } };
  const received: (readonly Grpc.MetadataValue[])[] = [];
  const server = new grpc.Server();
  server.addService(definition, {
    Call(call: Grpc.ServerUnaryCall<Buffer, Buffer>, callback: Grpc.sendUnaryData<Buffer>) {
      received.push(call.metadata.get("baggage"));
      void answerCall(handler, callback);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const Client = grpc.makeGenericClientConstructor(definition, name);
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    received,
    call: (metadata = new grpc.Metadata()) =>
      new Promise<string>((resolve, reject) => {
        const call = client["Call"];
        if (call === undefined) throw new Error("the client has no such method");
        call.call(client, Buffer.from("request"), metadata, (error: Error | null, answer: Buffer) =>
          error === null ? resolve(String(answer)) : reject(error),
        );
      }),
    close() {
      client.close();
      server.forceShutdown();
    },
  };
}

async function answerCall(handler: Handler, callback: Grpc.sendUnaryData<Buffer>): Promise<void> {
  try {
    const text = await handler();
    callback(null, Buffer.from(text ?? "none"));
  } catch (error) {
    callback({ code: grpc.status.INTERNAL, details: String(error) });
  }
}

function install(propagator: ExperimentPropagator): void {
  propagation.disable();
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), propagator] }),
  );
}

let cart: Service;
let payment: Service;

beforeAll(async () => {
  payment = await startService("payment", () => experiments.variant("checkout"));
  cart = await startService("cart", async () => {
    await Promise.resolve();
    return `${experiments.variant("checkout") ?? "none"}, ${await payment.call()}`;
  });
});

beforeEach(() => install(new ExperimentPropagator()));

afterEach(() => {
  tracing.clear();
  cart.received.splice(0);
  payment.received.splice(0);
});

afterAll(async () => {
  cart.close();
  payment.close();
  await experiments.close();
  await tracing.stop();
});

/** A job that has decided, and calls. */
function callCart(metadata?: Grpc.Metadata): Promise<string> {
  return experiments.run({}, () => {
    experiments.record("checkout", "express");
    return cart.call(metadata);
  });
}

test("GRPC-01 the variant goes over two services: on the wire, in the handlers, on every span", async () => {
  expect(await callCart()).toBe("express, express");
  expect([cart.received, payment.received]).toEqual([[[OWN]], [[OWN]]]);
  const servers = await tracing.serverSpans(2);
  for (const span of servers) {
    expect(experimentAttributes(span.attributes)).toEqual({
      "experiment.checkout.id": "checkout_1",
      "experiment.checkout.variant": "express",
      "experiment.id": "checkout_1",
      "experiment.variant": "express",
    });
  }
  const clients = tracing.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
  expect(clients).toHaveLength(2);
  for (const span of clients) expect(span.attributes).toMatchObject({ "experiment.variant": "express" });
});

test("GRPC-02 the others' metadata goes with it, byte for byte, in one entry", async () => {
  const metadata = new grpc.Metadata();
  metadata.set("baggage", "user=%41;p=1, tenant=2");
  expect(await callCart(metadata)).toBe("express, express");
  expect([cart.received, payment.received]).toEqual([
    [[`user=%41;p=1, tenant=2,${OWN}`]],
    [[`user=%41;p=1, tenant=2,${OWN}`]],
  ]);
});

test("GRPC-03 nothing of ours goes where the option says no: it is the metadata that carries it", async () => {
  install(new ExperimentPropagator({ inject: false }));
  const metadata = new grpc.Metadata();
  metadata.set("baggage", `user=1,${OWN}`);
  expect(await callCart(metadata)).toBe("none, none");
  expect([cart.received, payment.received]).toEqual([[["user=1"]], [["user=1"]]]);
});

test("GRPC-04 what a handler records goes on, and calls at the same time do not mix", async () => {
  const variants = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? ("control" as const) : ("express" as const)));
  const answers = await Promise.all(
    variants.map((variant) =>
      experiments.run({}, () => {
        experiments.record("checkout", variant);
        return cart.call();
      }),
    ),
  );
  expect(answers).toEqual(variants.map((variant) => `${variant}, ${variant}`));
  const edge = await startService("edge", () => {
    experiments.record("checkout", "express");
    return payment.call();
  });
  expect(await edge.call()).toBe("express");
  const recorded = (await tracing.serverSpans(variants.length * 2 + 2)).find(({ name }) => name === "grpc.edge/Call");
  expect(recorded?.attributes).toMatchObject({ "experiment.checkout.variant": "express" });
  edge.close();
});
