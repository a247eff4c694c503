// The part of the Compose specification that the example uses, after github.com/compose-spec/compose-spec,
// schema/compose-spec.json of June 2026. It is narrower than the specification: an image is pinned, lists are lists.
import { duration, fields, flag, integer, listOf, mapOf, text } from "./fields.ts";

const environment = mapOf(text, "^[A-Z_]+$");

const healthcheck = {
  oneOf: [
    fields({ disable: { const: true } }, "disable"),
    fields(
      { test: listOf(text), interval: duration, timeout: duration, retries: integer, start_period: duration },
      "test",
      "interval",
      "timeout",
      "retries",
    ),
  ],
};

const networksOfService = {
  oneOf: [{ ...listOf(text), uniqueItems: true }, mapOf(fields({ aliases: listOf(text) }))],
};

const conditions = ["service_started", "service_healthy", "service_completed_successfully"];

const service = fields(
  {
    image: text,
    build: fields({ context: text, dockerfile: text }, "context"),
    command: listOf(text),
    working_dir: text,
    environment,
    ports: listOf({ type: "string", pattern: "^(127\\.0\\.0\\.1:)?\\$\\{[A-Z_]+:-[0-9]+\\}:[0-9]+$" }),
    volumes: listOf({ type: "string", pattern: "^[\\w./-]+:/[\\w./-]+(:ro)?$" }),
    networks: networksOfService,
    depends_on: mapOf(fields({ condition: { enum: conditions } }, "condition")),
    healthcheck,
    restart: { enum: ["no", "always", "on-failure", "unless-stopped"] },
    read_only: flag,
    cap_drop: listOf(text),
    security_opt: listOf(text),
    mem_limit: { type: "string", pattern: "^[0-9]+[kmg]$" },
    stop_grace_period: duration,
  },
  "image",
  "networks",
  "restart",
);

const network = fields({ internal: flag, ipam: fields({ config: listOf(fields({ subnet: text }, "subnet")) }) });

export const compose = {
  ...fields({ name: text, services: mapOf(service), networks: mapOf(network), volumes: mapOf(fields({})) }, "services"),
  patternProperties: { "^x-": {} },
};
