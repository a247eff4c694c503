import { once } from "node:events";
import net from "node:net";
import { type WireMessage, WireReader } from "./http-bytes.ts";

/** A request as the client writes it. */
export interface WireRequest {
  readonly method?: string;
  readonly path?: string;
  /** Header lines, byte for byte (`baggage: a=1`). `host`, and `content-length` for a body, are added. */
  readonly lines?: readonly string[];
  readonly body?: string;
}

/** The answer to a request. */
export interface WireResponse extends WireMessage {
  readonly status: number;
}

/**
 * A kept-alive connection that writes exactly the given header lines. Node's HTTP clients cannot act as a foreign
 * caller in the process under test, because the stop removes own members from their requests.
 */
export class WireConnection {
  readonly #socket: net.Socket;
  readonly #reader = new WireReader();
  #waiting: { resolve(message: WireMessage): void; reject(error: Error): void } | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      for (const message of this.#reader.push(chunk)) this.#waiting?.resolve(message);
    });
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("the server closed the connection")));
  }

  static async open(port: number, host = "127.0.0.1"): Promise<WireConnection> {
    const socket = net.connect({ port, host });
    await once(socket, "connect");
    return new WireConnection(socket);
  }

  /** Sends one request at a time. */
  async send({ method = "GET", path = "/", lines = [], body }: WireRequest = {}): Promise<WireResponse> {
    if (this.#socket.destroyed) throw new Error("the connection is closed");
    const answered = new Promise<WireMessage>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const head = [`${method} ${path} HTTP/1.1`, "host: 127.0.0.1", ...lines];
    if (body !== undefined) head.push(`content-length: ${Buffer.byteLength(body)}`);
    // Latin-1: each character of a line is one byte on the wire.
    this.#socket.write(Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"));
    if (body !== undefined) this.#socket.write(body);
    const message = await answered;
    this.#waiting = undefined;
    return { ...message, status: Number(message.start.split(" ")[1]) };
  }

  /** Writes bytes without waiting for an answer, for requests that are aborted halfway. */
  write(bytes: string): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Sends one request over its own connection. */
export async function send(port: number, request?: WireRequest): Promise<WireResponse> {
  const connection = await WireConnection.open(port);
  try {
    return await connection.send(request);
  } finally {
    connection.close();
  }
}
