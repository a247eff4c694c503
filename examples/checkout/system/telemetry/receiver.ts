import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { CARD_NUMBERS } from "../truth.ts";
import { decode, isOtlpPath } from "./otlp.ts";
import { type LogRecord, type Point, read, type Span, type Telemetry } from "./telemetry.ts";

/** A substitute for a Collector: it keeps what is exported to it. */
export interface Receiver {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** What it has received so far. */
  readonly telemetry: Telemetry;
  /** The exports that held a card's number, each by its path and the number's last four digits. */
  readonly leaks: readonly string[];
  /** Keeps nothing of what comes from now on, so that its memory stays bounded. */
  forget(): void;
  close(): void;
}

/** A card's number, also in groups of four. */
const CARD_NUMBER = new RegExp(CARD_NUMBERS.map((number) => number.match(/\d{4}/g)?.join("[ -]?")).join("|"), "g");

/** Receives OTLP/HTTP, as JSON or protobuf, on a free port of loopback. */
export async function startReceiver(): Promise<Receiver> {
  const spans: Span[] = [];
  const logs: LogRecord[] = [];
  const points: Point[] = [];
  const leaks: string[] = [];
  let forgetting = false;

  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status, { "content-type": typeOf(request) }).end(answerTo(request)),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });

  async function receive(request: IncomingMessage): Promise<number> {
    const sent = await buffer(request);
    const path = request.url ?? "";
    if (!isOtlpPath(path)) return 404;
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    const batch = read(decode(path, body, isJson(request)));
    if (forgetting) return 200;
    spans.push(...batch.spans);
    logs.push(...batch.logs);
    points.push(...batch.points);
    // The body itself is searched, so that no part of an export is left out.
    for (const [found] of body.toString("latin1").matchAll(CARD_NUMBER)) leaks.push(`${path} ${found.slice(-4)}`);
    return 200;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    telemetry: { spans, logs, points },
    leaks,
    forget() {
      forgetting = true;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function typeOf({ headers }: IncomingMessage): string {
  return headers["content-type"] ?? "application/json";
}

function isJson(request: IncomingMessage): boolean {
  return typeOf(request).startsWith("application/json");
}

/** An answer without a field says that everything was accepted. */
function answerTo(request: IncomingMessage): string {
  return isJson(request) ? "{}" : "";
}
