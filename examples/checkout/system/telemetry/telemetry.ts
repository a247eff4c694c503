import type { OtlpAttributed, OtlpExport, OtlpPoint, OtlpSpan, OtlpValue } from "./otlp.ts";

type AttributeValue = string | number | boolean | readonly AttributeValue[];
type Attributes = ReadonlyMap<string, AttributeValue>;

export interface Span {
  readonly service: string;
  readonly scope: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  /** Since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

const SPAN_KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
type SpanKind = (typeof SPAN_KINDS)[number];

const STATUS_CODE_ERROR = 2;

export interface LogRecord {
  readonly service: string;
  /** Empty for a record that is not an event. */
  readonly eventName: string;
  readonly severity: string;
  readonly body: AttributeValue | undefined;
  /** Empty outside of a trace. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** One export's data of one series of a counter or a histogram. */
export interface Point {
  readonly service: string;
  readonly instrument: string;
  /** The number of measurements; for a counter, its sum. */
  readonly count: number;
  readonly sum: number;
  readonly attributes: Attributes;
}

/** Everything that was exported. */
export interface Telemetry {
  readonly spans: readonly Span[];
  readonly logs: readonly LogRecord[];
  readonly points: readonly Point[];
}

/** Puts OTLP into the form that the summary and the invariants read. */
export function read({ resourceSpans = [], resourceMetrics = [], resourceLogs = [] }: OtlpExport): Telemetry {
  return {
    spans: resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
      scopeSpans.flatMap(({ scope, spans = [] }) =>
        spans.map((span) => spanOf(serviceOf(resource), scope?.name ?? "", span)),
      ),
    ),
    points: resourceMetrics.flatMap(({ resource, scopeMetrics = [] }) =>
      scopeMetrics
        .flatMap(({ metrics = [] }) => metrics)
        .flatMap(({ name, sum, histogram }) =>
          ((sum ?? histogram)?.dataPoints ?? []).map((point) => pointOf(serviceOf(resource), name, point)),
        ),
    ),
    logs: resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
      scopeLogs
        .flatMap(({ logRecords = [] }) => logRecords)
        .map((record) => ({
          service: serviceOf(resource),
          eventName: record.eventName ?? "",
          severity: record.severityText ?? "",
          body: record.body === undefined ? undefined : valueOf(record.body),
          traceId: idOf(record.traceId),
          spanId: idOf(record.spanId),
          attributes: attributesOf(record),
        })),
    ),
  };
}

function spanOf(service: string, scope: string, span: OtlpSpan): Span {
  const start = BigInt(span.startTimeUnixNano);
  return {
    service,
    scope,
    name: span.name,
    kind: SPAN_KINDS[span.kind ?? 0] ?? "unspecified",
    traceId: idOf(span.traceId),
    spanId: idOf(span.spanId),
    parentSpanId: idOf(span.parentSpanId),
    startMs: Number(start) / 1e6,
    durationMs: Number(BigInt(span.endTimeUnixNano) - start) / 1e6,
    failed: span.status?.code === STATUS_CODE_ERROR,
    attributes: attributesOf(span),
    events: (span.events ?? []).map((event) => ({ name: event.name, attributes: attributesOf(event) })),
    links: (span.links ?? []).map((link) => ({ traceId: idOf(link.traceId), spanId: idOf(link.spanId) })),
  };
}

function pointOf(service: string, instrument: string, point: OtlpPoint): Point {
  const sum = Number(point.sum ?? point.asDouble ?? point.asInt ?? 0);
  return { service, instrument, count: Number(point.count ?? sum), sum, attributes: attributesOf(point) };
}

function serviceOf(resource: OtlpAttributed = {}): string {
  return String(attributesOf(resource).get("service.name"));
}

function attributesOf({ attributes = [] }: OtlpAttributed): Attributes {
  return new Map(attributes.map(({ key, value = {} }) => [key, valueOf(value)]));
}

function valueOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: OtlpValue): AttributeValue {
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(valueOf);
  return stringValue ?? boolValue ?? doubleValue ?? Number(intValue ?? 0);
}

function idOf(id: string | Uint8Array = ""): string {
  return typeof id === "string" ? id : Buffer.from(id).toString("hex");
}
