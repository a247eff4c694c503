import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { context, defaultTextMapGetter, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { BatchSpanProcessor, InMemorySpanExporter } from "@opentelemetry/sdk-trace";
import type { Consumer, EachBatchPayload, EachMessagePayload, KafkaMessage, ProducerRecord } from "kafkajs";
import { createExperiments, defineExperiments } from "otel-experiments";
import { ExperimentPropagator, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { expect, test } from "vitest";
import { throughKafka } from "./wire-formats.ts";

// The code of docs/carriers.md, over the codec of kafkajs in the place of a broker.

const shopExperiments = defineExperiments({
  checkout: { id: "checkout_1", variants: ["control", "express"] },
});

const experiments = createExperiments({
  experiments: shopExperiments,
  propagateTo: ["https://*.shop.internal", "queue:orders"],
});

const topic: KafkaMessage[] = [];
const handled: unknown[] = [];
const order = "an order";
const exporter = new InMemorySpanExporter();

const producer = {
  async send({ messages }: ProducerRecord): Promise<void> {
    for (const { value, headers = {} } of messages) {
      const offset = String(topic.length);
      const bytes = Buffer.from(value ?? "");
      topic.push({ key: null, value: bytes, timestamp: "0", attributes: 0, offset, headers: throughKafka(headers) });
    }
  },
};

/** What a consumer of kafkajs is given. */
const consumer: Pick<Consumer, "run"> = {
  async run({ eachMessage, eachBatch } = {}) {
    for (const message of topic) {
      await eachMessage?.({ message } as EachMessagePayload); // why: the page uses no more of it
    }
    const batch = { messages: topic };
    const resolveOffset = (offset: string): unknown => handled.push(offset);
    await eachBatch?.({ batch, resolveOffset } as unknown as EachBatchPayload); // why: as above
  },
};

async function handleOrder(message: KafkaMessage): Promise<void> {
  await Promise.resolve();
  handled.push([String(message.value), experiments.variant("checkout")]);
}

async function produce(): Promise<void> {
  await producer.send({
    topic: "orders",
    messages: [{ value: order, headers: experiments.inject({}, { to: "queue:orders" }) }],
  });
}

async function consume(): Promise<void> {
  await consumer.run({
    eachMessage: ({ message }) => experiments.run(message.headers, () => handleOrder(message), { trusted: true }),
  });
}

async function consumeBatch(): Promise<void> {
  await consumer.run({
    eachBatch: ({ batch, resolveOffset }) =>
      experiments.runEach(batch.messages, { carrier: (message) => message.headers, trusted: true }, async (message) => {
        await handleOrder(message);
        resolveOffset(message.offset);
      }),
  });
}

async function consumeAtOnce(batch: { readonly messages: readonly KafkaMessage[] }): Promise<void> {
  await Promise.all(
    batch.messages.map((message) => experiments.run(message.headers, () => handleOrder(message), { trusted: true })),
  );
}

test("CAR-01 what the page sends arrives, message by message, in batches and at once", async () => {
  for (const variant of ["express", "control"] as const) {
    await experiments.run({}, async () => {
      experiments.record("checkout", variant);
      await produce();
    });
  }
  const both = [
    ["an order", "express"],
    ["an order", "control"],
  ];
  await consume();
  expect(handled.splice(0)).toEqual(both);
  await consumeBatch();
  expect(handled.splice(0)).toEqual([both[0], "0", both[1], "1"]);
  await consumeAtOnce({ messages: topic });
  expect(handled.splice(0)).toEqual(both);
});

test("CAR-02 the propagator of the page is one for the SDK, and its options are options", async () => {
  const sdk = new NodeSDK({
    textMapPropagator: new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new ExperimentPropagator()],
    }),
    spanProcessors: [new ExperimentSpanProcessor(), new BatchSpanProcessor({ exporter })],
  });
  await sdk.shutdown();
  const propagators = [
    new ExperimentPropagator({ inject: false }), // only reads
    new ExperimentPropagator({ inject: (carrier) => carrier instanceof Metadata }), // gRPC alone
  ];
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  for (const propagator of propagators) {
    const active = propagator.extract(ROOT_CONTEXT, {}, defaultTextMapGetter);
    expect(context.with(active, () => experiments.record("checkout", "express"))).toBe("express");
  }
});

test("CAR-03 the code of docs/carriers.md is the code that runs here", () => {
  const lines = (text: string): string => text.replaceAll(/^\s+|\s+$/gm, "");
  const page = readFileSync(join(import.meta.dirname, "../../docs/carriers.md"), "utf8");
  const source = lines(readFileSync(import.meta.filename, "utf8"));
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trim().split("\n\n"));
  expect(blocks.length).toBeGreaterThan(6);
  // Imports, and what stands in a list here, are in another order or have another end.
  const code = blocks.filter((block) => !block.startsWith("import"));
  const missing = code.filter((block) => {
    const parts = block.startsWith("new ") ? block.split("\n").map((line) => line.replace(/;(?= \/\/)/, ",")) : [block];
    return !parts.every((part) => source.includes(lines(part)));
  });
  expect(missing).toEqual([]);
});
