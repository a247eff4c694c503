import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { IHeaders } from "kafkajs";

// What arrives is what the clients' own codecs make of what was sent; no broker changes it.

const require = createRequire(import.meta.url);

interface KafkaDecoder {
  readVarInt(): number;
}

type AmqpHeaders = Readonly<Record<string, unknown>>;

const kafka = {
  encodeRecord: require("kafkajs/src/protocol/recordBatch/record/v0"),
  decodeRecord: require("kafkajs/src/protocol/recordBatch/record/v0/decoder"),
  Decoder: require("kafkajs/src/protocol/decoder"),
} as {
  // why: kafkajs has no types for its inner parts
  encodeRecord(record: { key: Buffer; value: Buffer; headers: IHeaders }): { readonly buffer: Buffer };
  decodeRecord(decoder: KafkaDecoder, batch: object): { readonly headers: IHeaders };
  readonly Decoder: new (buffer: Buffer) => KafkaDecoder;
};

const amqp = require(join(dirname(require.resolve("amqplib")), "lib/codec.js")) as {
  // why: amqplib has no types for its inner parts
  encodeTable(buffer: Buffer, table: AmqpHeaders, offset: number): number;
  decodeFields(table: Buffer): Record<string, unknown>;
};

/** The headers of a message as a consumer of kafkajs gets them, of those that a producer gave. */
export function throughKafka(headers: IHeaders): IHeaders {
  const { buffer } = kafka.encodeRecord({ key: Buffer.from("key"), value: Buffer.from("value"), headers });
  const decoder = new kafka.Decoder(Buffer.from(buffer));
  decoder.readVarInt(); // The length, which the decoder of the batch reads.
  return kafka.decodeRecord(decoder, { firstOffset: "0", firstTimestamp: "0", magicByte: 2 }).headers;
}

/** `properties.headers` of a message as a consumer of amqplib gets them, of those that a publisher gave. */
export function throughAmqp(headers: AmqpHeaders): Record<string, unknown> {
  const buffer = Buffer.alloc(64 * 1024);
  const size = amqp.encodeTable(buffer, headers, 0);
  return amqp.decodeFields(buffer.subarray(4, size));
}
