// The fields of the Collector's components, as the config.schema.yaml of each component lists them (mid-2026, about
// release 0.160). What does not occur in an example of this size is left out: TLS, authentication, profiles.
// Core: github.com/open-telemetry/opentelemetry-collector. Contrib: …/opentelemetry-collector-contrib.
import type { SchemaObject } from "ajv";
import { duration, fields, flag, integer, listOf, mapOf, text } from "./fields.ts";

/** Contrib, exporter/clickhouseexporter and core, exporter/exporterhelper and config/configretry. */
const sending = {
  timeout: duration,
  retry_on_failure: fields({
    enabled: flag,
    initial_interval: duration,
    max_interval: duration,
    max_elapsed_time: duration,
  }),
  sending_queue: fields({
    enabled: flag,
    num_consumers: integer,
    queue_size: integer,
    block_on_overflow: flag,
    sizer: { enum: ["requests", "items", "bytes"] },
    batch: fields({ flush_timeout: duration, min_size: integer, max_size: integer }),
  }),
};

/** Contrib, internal/coreinternal/attraction. */
const resourceAction = {
  ...fields({ key: text, value: {}, from_attribute: text, action: {} }, "key", "action"),
  oneOf: [
    { properties: { action: { const: "delete" } }, not: { required: ["value"] } },
    {
      properties: { action: { enum: ["insert", "update", "upsert"] } },
      anyOf: [{ required: ["value"] }, { required: ["from_attribute"] }],
    },
  ],
};

const extensions: Readonly<Record<string, SchemaObject>> = {
  /** Contrib, extension/healthcheckextension. */
  health_check: fields({ endpoint: text, path: text }),
};

const receivers: Readonly<Record<string, SchemaObject>> = {
  /** Core, receiver/otlpreceiver, config/configgrpc and config/confighttp. */
  otlp: fields(
    {
      protocols: fields({
        grpc: fields({ endpoint: text, max_recv_msg_size_mib: integer, max_concurrent_streams: integer }),
        http: fields({
          endpoint: text,
          max_request_body_size: integer,
          cors: fields({ allowed_origins: listOf(text) }),
        }),
      }),
    },
    "protocols",
  ),
};

const processors: Readonly<Record<string, SchemaObject>> = {
  /** Core, internal/memorylimiter; without one of the limits it does not start. */
  memory_limiter: {
    ...fields(
      {
        check_interval: duration,
        limit_mib: integer,
        spike_limit_mib: integer,
        limit_percentage: integer,
        spike_limit_percentage: integer,
      },
      "check_interval",
    ),
    oneOf: [{ required: ["limit_mib"] }, { required: ["limit_percentage"] }],
  },
  /** Contrib, processor/resourceprocessor. */
  resource: fields({ attributes: listOf(resourceAction) }, "attributes"),
  /** Contrib, processor/transformprocessor. */
  transform: fields({
    error_mode: { enum: ["ignore", "silent", "propagate"] },
    trace_statements: listOf(text),
    metric_statements: listOf(text),
    log_statements: listOf(text),
  }),
  /** Core, processor/batchprocessor. */
  batch: fields({ send_batch_size: integer, send_batch_max_size: integer, timeout: duration }),
};

const exporters: Readonly<Record<string, SchemaObject>> = {
  /** Contrib, exporter/clickhouseexporter. */
  clickhouse: fields(
    {
      endpoint: { type: "string", pattern: "^(tcp|http|https|clickhouse)://" },
      database: text,
      username: text,
      password: text,
      ttl: duration,
      create_schema: flag,
      async_insert: flag,
      compress: text,
      ...sending,
    },
    "endpoint",
  ),
  /** Core, exporter/otlphttpexporter (`otlphttp` until release 0.144). */
  otlp_http: fields({ endpoint: { type: "string", pattern: "^https?://" }, compression: text, ...sending }, "endpoint"),
};

/** What the component of a kind and a type may have. */
export const components = { extensions, receivers, processors, exporters };

const pipeline = fields(
  { receivers: listOf(text), processors: listOf(text), exporters: listOf(text) },
  "receivers",
  "exporters",
);

const reader = fields({
  pull: fields({ exporter: fields({ prometheus: fields({ host: text, port: integer }, "host", "port") }) }, "exporter"),
});

/** The file as a whole: core, otelcol/config.go, service/config.go and service/telemetry/otelconftelemetry. */
export const collector = fields(
  {
    extensions: mapOf({}),
    receivers: mapOf({}),
    processors: mapOf({}),
    exporters: mapOf({}),
    service: fields(
      {
        extensions: listOf(text),
        pipelines: mapOf(pipeline, "^(traces|metrics|logs)(/\\w+)?$"),
        telemetry: fields({ metrics: fields({ readers: listOf(reader) }) }),
      },
      "pipelines",
    ),
  },
  "receivers",
  "exporters",
  "service",
);
