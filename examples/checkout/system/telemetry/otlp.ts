// The parts of OTLP that are read here, as they are in JSON: https://opentelemetry.io/docs/specs/otlp/. What protobuf
// gives has the same form, with bytes in place of hexadecimal ids.
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

type Id = string | Uint8Array;
type Integer = string | number;

export interface OtlpValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: Integer;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] };
}

export interface OtlpAttributed {
  readonly attributes?: readonly { readonly key: string; readonly value?: OtlpValue }[];
}

export interface OtlpSpan extends OtlpAttributed {
  readonly traceId: Id;
  readonly spanId: Id;
  readonly parentSpanId?: Id;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: Integer;
  readonly endTimeUnixNano: Integer;
  readonly events?: readonly (OtlpAttributed & { readonly name: string; readonly timeUnixNano: Integer })[];
  readonly links?: readonly (OtlpAttributed & { readonly traceId: Id; readonly spanId: Id })[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

export interface OtlpPoint extends OtlpAttributed {
  /** Of a counter. */
  readonly asInt?: Integer;
  readonly asDouble?: number;
  /** Of a histogram. */
  readonly count?: Integer;
  readonly sum?: number;
}

interface OtlpMetric {
  readonly name: string;
  readonly unit?: string;
  readonly sum?: { readonly dataPoints?: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints?: readonly OtlpPoint[] };
}

interface OtlpLogRecord extends OtlpAttributed {
  readonly timeUnixNano?: Integer;
  readonly eventName?: string;
  readonly severityText?: string;
  readonly body?: OtlpValue;
  readonly traceId?: Id;
  readonly spanId?: Id;
}

interface OfResource {
  readonly resource?: OtlpAttributed;
}

interface OfScope {
  readonly scope?: { readonly name?: string };
}

/** An export of one signal, or of several. */
export interface OtlpExport {
  readonly resourceSpans?: readonly (OfResource & {
    readonly scopeSpans?: readonly (OfScope & { readonly spans?: readonly OtlpSpan[] })[];
  })[];
  readonly resourceMetrics?: readonly (OfResource & {
    readonly scopeMetrics?: readonly (OfScope & { readonly metrics?: readonly OtlpMetric[] })[];
  })[];
  readonly resourceLogs?: readonly (OfResource & {
    readonly scopeLogs?: readonly (OfScope & { readonly logRecords?: readonly OtlpLogRecord[] })[];
  })[];
}

const schema = protobuf.loadSync(fileURLToPath(new URL("./otlp.proto", import.meta.url)));

/** The messages that are posted to each path. */
const MESSAGES: ReadonlyMap<string, protobuf.Type> = new Map([
  ["/v1/traces", schema.lookupType("TracesData")],
  ["/v1/metrics", schema.lookupType("MetricsData")],
  ["/v1/logs", schema.lookupType("LogsData")],
]);

export function isOtlpPath(path: string): boolean {
  return MESSAGES.has(path);
}

/** @throws if the body is not what its type says */
export function decode(path: string, body: Buffer, isJson: boolean): OtlpExport {
  const message = MESSAGES.get(path);
  if (message === undefined) throw new Error(`${path} is not a path of OTLP`);
  const decoded: unknown = isJson
    ? JSON.parse(body.toString())
    : message.toObject(message.decode(body), { longs: String });
  return decoded as OtlpExport; // why: only the shop's own exporters know the port, and they write OTLP
}
