// The parts of OTLP/JSON that the report reads. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

/** A 64-bit number may be text. */
export interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

export interface OtlpResource {
  readonly attributes: readonly OtlpAttribute[];
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status?: { readonly code?: number };
}

export interface OtlpPoint {
  readonly attributes: readonly OtlpAttribute[];
  /** Set for a counter. */
  readonly asInt?: number | string;
  readonly asDouble?: number;
  /** Set for a histogram. */
  readonly count?: number | string;
  readonly sum?: number;
}

export interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[] };
}

export interface ResourceSpans {
  readonly resource: OtlpResource;
  readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
}

export interface ResourceMetrics {
  readonly resource: OtlpResource;
  readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
}

/** All exported telemetry. */
export interface Telemetry {
  readonly resourceSpans: readonly ResourceSpans[];
  readonly resourceMetrics: readonly ResourceMetrics[];
}

type Attributes = ReadonlyMap<string, string | number | boolean>;

/** A request as recorded by the process that served it. */
export interface ServerSpan {
  readonly service: string;
  readonly traceId: string;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: Attributes;
}

/** One export's data of one series of an instrument. */
export interface Measurement {
  readonly service: string;
  readonly count: number;
  readonly sum: number;
  readonly attributes: Attributes;
}

const SPAN_KIND_SERVER = 2;
const STATUS_CODE_ERROR = 2;

export function serverSpansOf({ resourceSpans }: Telemetry): readonly ServerSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = serviceOf(resource);
    const spans = scopeSpans.flatMap((scope) => scope.spans).filter(({ kind }) => kind === SPAN_KIND_SERVER);
    return spans.map((span) => serverSpan(service, span));
  });
}

function serverSpan(service: string, span: OtlpSpan): ServerSpan {
  const attributes = attributesOf(span);
  const nanoseconds = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
  return {
    service,
    traceId: span.traceId,
    durationMs: Number(nanoseconds) / 1e6,
    failed: span.status?.code === STATUS_CODE_ERROR || Number(attributes.get("http.response.status_code")) >= 500,
    attributes,
  };
}

/** The points of an instrument. For a counter the count is its sum. */
export function measurementsOf({ resourceMetrics }: Telemetry, instrument: string): readonly Measurement[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const service = serviceOf(resource);
    const metrics = scopeMetrics.flatMap((scope) => scope.metrics).filter(({ name }) => name === instrument);
    const points = metrics.flatMap(({ sum, histogram }) => sum?.dataPoints ?? histogram?.dataPoints ?? []);
    return points.map((point) => {
      const sum = Number(point.sum ?? point.asDouble ?? point.asInt ?? 0);
      return { service, count: Number(point.count ?? sum), sum, attributes: attributesOf(point) };
    });
  });
}

function serviceOf(resource: OtlpResource): string {
  return String(attributesOf(resource).get("service.name"));
}

function attributesOf({ attributes }: { readonly attributes: readonly OtlpAttribute[] }): Attributes {
  return new Map(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue({ stringValue, intValue, doubleValue, boolValue }: OtlpValue): string | number | boolean {
  return stringValue ?? boolValue ?? doubleValue ?? Number(intValue);
}
