import { connect, type Socket } from "node:net";
import { CONNECTIONS, EXPERIMENT, type Kind, NO_VARIANT, ownBaggage } from "./cases.ts";

/** When a load ends: after this time, or after this number of requests. */
export type Until = { readonly seconds: number } | { readonly requests: number };

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds within which 99 of 100 requests were answered. */
  readonly p99: number;
}

/** A request as bytes, and the body that answers it. */
interface Exchange {
  readonly bytes: Buffer;
  readonly variant: string;
}

/** No two of them have the same foreign member, as no two users have the same session. */
const EXCHANGES = 512;

/**
 * Sends requests over keep-alive connections, one at a time on each, and reads each response. It writes prepared bytes
 * to sockets, so that it takes less CPU time than any server.
 *
 * @param reads whether the server reads variants: then it must answer with that of the request
 */
export async function load(port: number, kind: Kind, until: Until, reads: boolean): Promise<LoadResult> {
  const exchanges = Array.from({ length: EXCHANGES }, (_, index) => exchangeOf(kind, index, reads));
  const started = performance.now();
  const deadline = "seconds" in until ? started + until.seconds * 1000 : Number.POSITIVE_INFINITY;
  const most = "requests" in until ? until.requests : Number.POSITIVE_INFINITY;
  const latencies: number[] = [];
  let sent = 0;
  const next = (): Exchange | undefined => {
    if (sent >= most || performance.now() >= deadline) return undefined;
    return exchanges[sent++ % EXCHANGES];
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, () => converse(port, next, latencies)));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  return { requests: sent, seconds, p99: latencies[Math.ceil(latencies.length * 0.99) - 1] ?? Number.NaN };
}

function exchangeOf(kind: Kind, index: number, reads: boolean): Exchange {
  const variant = EXPERIMENT.variants[index % 2 === 0 ? 0 : 1];
  const baggage = {
    plain: undefined,
    own: ownBaggage(variant),
    proxying: ownBaggage(variant),
    foreign: `session=${(index + 0x1000).toString(16)},tenant=acme,vendor.key=some%20value`,
  }[kind];
  const lines = [
    `GET ${kind === "proxying" ? "/proxying" : "/"} HTTP/1.1`,
    "host: shop.internal",
    "user-agent: bench",
    "accept: */*",
    ...(baggage === undefined ? [] : [`baggage: ${baggage}`]),
  ];
  const hasVariant = reads && (kind === "own" || kind === "proxying");
  return { bytes: Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), variant: hasVariant ? variant : NO_VARIANT };
}

/** One connection's requests, from the first to the last. */
function converse(port: number, next: () => Exchange | undefined, latencies: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let [received, sentAt] = ["", 0];
    let current: Exchange | undefined;
    const send = (): void => {
      current = next();
      if (current === undefined) {
        socket.destroy();
        resolve();
        return;
      }
      received = "";
      sentAt = performance.now();
      socket.write(current.bytes);
    };
    socket.setEncoding("latin1");
    socket.once("connect", send);
    socket.once("error", reject);
    socket.once("end", () => reject(new Error("the server closed a connection")));
    socket.on("data", (chunk: string) => {
      received += chunk;
      const body = bodyOf(received);
      if (body === undefined) return;
      latencies.push(performance.now() - sentAt);
      if (body === current?.variant) return send();
      socket.destroy();
      reject(new Error(`the server answered ${JSON.stringify(body)} where ${current?.variant} is right`));
    });
  });
}

/** The body of a response, as soon as it is complete. */
function bodyOf(received: string): string | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
  if (length === undefined) throw new Error(`the response has no content-length: ${received}`);
  const body = received.slice(end + 4);
  return body.length < Number(length) ? undefined : body;
}
