import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An attribute of OTLP/JSON, as far as we read it. */
interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

type Attributes = ReadonlyMap<string, string | undefined>;

export interface SeenSpan {
  readonly name: string;
  /** OTLP's number: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly scope: string;
  readonly attributes: Attributes;
}

interface SeenRecord {
  readonly body: string | undefined;
  readonly attributes: Attributes;
}

interface SeenPoint {
  readonly instrument: string;
  readonly count: number;
  readonly attributes: Attributes;
}

/** What a service has exported and called. */
export interface Seen {
  readonly spans: readonly SeenSpan[];
  readonly records: readonly SeenRecord[];
  readonly points: readonly SeenPoint[];
  /** The `baggage` of the calls that it made, by the request that it made them for. */
  readonly calls: ReadonlyMap<string, string | undefined>;
}

export interface Sink extends AsyncDisposable {
  readonly origin: string;
  seen(): Seen;
}

interface Exported {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name: string };
      readonly spans: readonly {
        readonly name: string;
        readonly kind: number;
        readonly attributes?: OtlpAttribute[];
      }[];
    }[];
  }[];
  readonly resourceLogs?: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly body?: { readonly stringValue?: string };
        readonly attributes?: OtlpAttribute[];
      }[];
    }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly ExportedMetric[] }[];
  }[];
}

interface ExportedMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly ExportedPoint[] };
  readonly histogram?: { readonly dataPoints: readonly ExportedPoint[] };
}

interface ExportedPoint {
  readonly attributes?: OtlpAttribute[];
  readonly count?: number | string;
  readonly asInt?: number | string;
  readonly asDouble?: number;
}

/** Takes OTLP/JSON, and the calls that the service makes for its requests. */
export async function openSink(): Promise<Sink> {
  const spans: SeenSpan[] = [];
  const records: SeenRecord[] = [];
  // A cumulative series is exported again and again; its last point counts.
  const points = new Map<string, SeenPoint>();
  const calls = new Map<string, string | undefined>();
  const take = (exported: Exported): void => {
    for (const { scopeSpans } of exported.resourceSpans ?? []) {
      for (const { scope, spans: some } of scopeSpans) {
        for (const { name, kind, attributes } of some) {
          spans.push({ name, kind, scope: scope?.name ?? "", attributes: mapOf(attributes) });
        }
      }
    }
    for (const { scopeLogs } of exported.resourceLogs ?? []) {
      for (const { body, attributes } of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
        records.push({ body: body?.stringValue, attributes: mapOf(attributes) });
      }
    }
    for (const { scopeMetrics } of exported.resourceMetrics ?? []) {
      for (const { name, sum, histogram } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        for (const point of sum?.dataPoints ?? histogram?.dataPoints ?? []) {
          const count = Number(point.count ?? point.asInt ?? point.asDouble);
          points.set(name + JSON.stringify(point.attributes), {
            instrument: name,
            count,
            attributes: mapOf(point.attributes),
          });
        }
      }
    }
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", "http://sink");
    const chunks: Buffer[] = [];
    // why: a request without an encoding set gives buffers
    for await (const chunk of request) chunks.push(chunk as Buffer);
    // why: the exporters' documented form
    if (url.pathname.startsWith("/v1/")) take(JSON.parse(Buffer.concat(chunks).toString()) as Exported);
    else calls.set(url.searchParams.get("from") ?? "", request.headers["baggage"]?.toString());
    response.setHeader("content-type", "application/json").end("{}");
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    seen: () => ({ spans, records, points: [...points.values()], calls }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function mapOf(attributes: readonly OtlpAttribute[] = []): Attributes {
  return new Map(attributes.map(({ key, value }) => [key, value.stringValue]));
}
