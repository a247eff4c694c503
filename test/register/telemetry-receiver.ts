import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly [type: string]: unknown };
}

interface OtlpItem {
  readonly name?: string;
  readonly kind?: number;
  readonly traceId?: string;
  readonly body?: { readonly stringValue?: string };
  readonly eventName?: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly sum?: { readonly dataPoints: readonly OtlpItem[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpItem[] };
  readonly count?: number | string;
  readonly asInt?: number | string;
  readonly asDouble?: number;
}

/** One form for the three signals: `resourceX[].scopeX[].x[]`. */
type OtlpBody = { readonly [resources: string]: readonly { readonly [scopes: string]: readonly OtlpScope[] }[] };
type OtlpScope = { readonly [items: string]: readonly OtlpItem[] };

/** A span, a log record, or a point of an instrument. */
export interface Received {
  /** Of the span or the instrument; the text of a log record. */
  readonly name: string;
  /** Of a span: OTLP's number. */
  readonly kind?: number | undefined;
  readonly traceId?: string | undefined;
  /** Of a point: how often something was measured. */
  readonly count?: number;
  readonly attributes: { readonly [key: string]: unknown };
}

/** Stands for a collector. */
export interface TelemetryReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly Received[];
  readonly logs: readonly Received[];
  /** Of all collections, cumulative ones too. */
  readonly points: readonly Received[];
  close(): void;
}

/** Receives OTLP/HTTP in its JSON form, on a free port of loopback. */
export async function startTelemetryReceiver(): Promise<TelemetryReceiver> {
  const spans: Received[] = [];
  const logs: Received[] = [];
  const points: Received[] = [];

  const server = createServer((request, response) => {
    json(request).then(
      (body) => {
        // why: what OpenTelemetry's exporters write; nobody else knows the port
        receive(body as OtlpBody);
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      },
      () => response.writeHead(400).end(),
    );
  });

  function receive(body: OtlpBody): void {
    spans.push(...itemsOf(body, "Spans", "spans").map(received));
    logs.push(...itemsOf(body, "Logs", "logRecords").map(received));
    points.push(...itemsOf(body, "Metrics", "metrics").flatMap(pointsOf));
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    logs,
    points,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function itemsOf(body: OtlpBody, signal: string, items: string): readonly OtlpItem[] {
  const scopes = (body[`resource${signal}`] ?? []).flatMap((resource) => resource[`scope${signal}`] ?? []);
  return scopes.flatMap((scope) => scope[items] ?? []);
}

function pointsOf({ name, sum, histogram }: OtlpItem): readonly Received[] {
  const points = sum?.dataPoints ?? histogram?.dataPoints ?? [];
  return points.map((point) => ({
    ...received(point),
    name: name ?? "",
    count: Number(point.count ?? point.asInt ?? point.asDouble),
  }));
}

function received({ name, eventName, body, kind, traceId, attributes = [] }: OtlpItem): Received {
  return {
    name: name ?? eventName ?? body?.stringValue ?? "",
    kind,
    traceId,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  };
}
