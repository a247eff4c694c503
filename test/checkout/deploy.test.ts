// What examples/checkout/deploy says, held against what the components document and what the services read. Nothing of
// it is started here: that needs Docker.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { collector as collectorFields, components } from "./deploy/collector-fields.ts";
import { compose as composeFields } from "./deploy/compose-fields.ts";
import { faults, fields, flag, integer, listOf, text } from "./deploy/fields.ts";
import {
  collector,
  compose,
  contentOf,
  local,
  pathOf,
  read,
  type Service,
  sharedVariables,
  shopServices,
  trusts,
  variablesOf,
} from "./deploy/files.ts";

const services = Object.entries(compose.services);

const namesOf = (networks: Service["networks"]): readonly string[] =>
  Array.isArray(networks) ? networks : Object.keys(networks);

describe("compose.yaml", () => {
  test("DPL-01 has no field that the Compose specification does not have", () => {
    expect(faults(composeFields, compose)).toEqual([]);
    const merged = Object.entries(local.services).map(([name, change]) => [
      name,
      { ...compose.services[name], ...change },
    ]);
    expect(faults(composeFields, { services: Object.fromEntries(merged) })).toEqual([]);
  });

  test("DPL-02 has every service of the shop and what they need", () => {
    expect(shopServices).not.toEqual([]);
    const others = ["clickhouse", "collector", "grafana", "mail", "migrate", "postgres", "prometheus"];
    expect(services.map(([name]) => name).sort()).toEqual([...shopServices, ...others].sort());
  });

  test("DPL-03 publishes the gateway alone, and keeps the other networks internal", () => {
    expect(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(["gateway"]);
    expect(Object.entries(compose.networks).filter(([, { internal }]) => internal !== true)).toEqual([["outside", {}]]);
    const outside = services.filter(([, { networks }]) => namesOf(networks).includes("outside"));
    // Grafana downloads a plugin.
    expect(outside.map(([name]) => name)).toEqual(["gateway", "grafana"]);
  });

  test("DPL-04 declares each network and volume that a service uses, and no other", () => {
    const used = services.flatMap(([, { networks }]) => namesOf(networks));
    expect([...new Set(used)].sort()).toEqual(Object.keys(compose.networks).sort());
    const sources = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":", 1)[0] ?? ""));
    const files = sources.filter((source) => source.startsWith("."));
    const named = sources.filter((source) => !source.startsWith("."));
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    expect(files.filter((file) => !existsSync(pathOf(file)))).toEqual([]);
  });

  test("DPL-05 checks the health of every service but those that cannot be asked, and waits for it", () => {
    const without = services.filter(([, { healthcheck }]) => healthcheck?.test === undefined).map(([name]) => name);
    // migrate ends; the Collector's image has no program that could ask.
    expect(without).toEqual(["migrate", "collector"]);
    const waits = services.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
    const once = waits.filter(([, { condition }]) => condition === "service_completed_successfully");
    expect(new Set(once.map(([other]) => other))).toEqual(new Set(["migrate"]));
    const healthy = waits.filter(([, { condition }]) => condition === "service_healthy").map(([other]) => other);
    expect(once.length + healthy.length).toBe(waits.length);
    expect(healthy.filter((other) => compose.services[other]?.healthcheck?.test === undefined)).toEqual([]);
  });

  test("DPL-06 pins each image to a full version", () => {
    const images = new Set(services.map(([, { image }]) => image));
    const unpinned = [...images].filter((image) => !/:v?\d+\.\d+(\.\d+)*(-alpine)?$/.test(image));
    // This one is built here, from the Dockerfile.
    expect(unpinned).toEqual(["checkout-service"]);
    const [, ...bases] = contentOf("Dockerfile").split(/^FROM /m);
    expect(bases.map((base) => /^node:([\d.]+)-/.exec(base)?.[1])).toEqual(
      bases.map(() => manifest.devDependencies.node),
    );
  });

  test("DPL-07 takes every secret from the environment, without a default", () => {
    const secrets = services.flatMap(([, { environment = {} }]) =>
      Object.entries(environment).filter(([name]) => /PASSWORD|SECRET/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(5);
    expect(secrets.filter(([, value]) => !/^\$\{[A-Z_]+:\?\}$/.test(value))).toEqual([]);
    const urls = services.flatMap(([, { environment }]) => environment?.["DATABASE_URL"] ?? []);
    expect([...new Set(urls)]).toEqual(["postgres://shop:${POSTGRES_PASSWORD:?}@postgres:5432/shop"]);
  });
});

describe("the services in compose.yaml", () => {
  test("DPL-08 the files that all services share read no variable but these", () => {
    expect(sharedVariables()).toEqual(["HOST", "PATIENCE_MS", "PORT", "TRUST_INBOUND"]);
  });

  test.each(shopServices)("DPL-09 %s gets each variable that it reads, and no other", (name) => {
    const given = Object.keys(compose.services[name]?.environment ?? {});
    expect(given.filter((variable) => !variable.startsWith("OTEL_")).sort()).toEqual(variablesOf(name));
    expect(compose.services[name]?.working_dir).toBe(`/app/examples/checkout/${name}`);
  });

  test("DPL-10 each service but the provider sends its telemetry to the Collector, under its own name", () => {
    const { provider, ...instrumented } = Object.fromEntries(
      shopServices.map((name) => [name, compose.services[name]?.environment ?? {}]),
    );
    expect(Object.keys(provider ?? {}).filter((variable) => variable.startsWith("OTEL_"))).toEqual([]);
    for (const [name, environment] of Object.entries(instrumented)) {
      expect(environment).toMatchObject({
        OTEL_SERVICE_NAME: name,
        OTEL_RESOURCE_ATTRIBUTES: expect.stringMatching(/service\.version=.*,deployment\.environment\.name=/),
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      });
    }
  });

  test("DPL-11 each address leads to a service by one network that both share, which is the trusted one for a callee that trusts", () => {
    const calls = services.flatMap(([, { environment = {}, networks }]) =>
      Object.values(environment).flatMap((value) => {
        const host = /^\w+:\/\/(?:[^@/]*@)?([\w.]+):\d+/.exec(value)?.[1];
        return host === undefined ? [] : [{ host, shared: namesOf(networks).filter((one) => hostsIn(one).has(host)) }];
      }),
    );
    expect(calls.length).toBeGreaterThan(20);
    expect(calls.filter(({ shared }) => shared.length !== 1)).toEqual([]);
    const trusting = calls.filter(({ host }) => trusts(host.replace(/\.shop$/, "")));
    expect(new Set(trusting.map(({ shared }) => shared[0]))).toEqual(new Set(["shop"]));
  });
});

describe("collector.yaml", () => {
  const { pipelines } = collector.service;

  test("DPL-12 has no field that a component does not document", () => {
    expect(faults(collectorFields, collector)).toEqual([]);
    for (const kind of ["extensions", "receivers", "processors", "exporters"] as const) {
      for (const [id, settings] of Object.entries(collector[kind])) {
        const component = components[kind][id.split("/", 1)[0] ?? ""];
        expect(component === undefined ? [`${id} is unknown`] : faults(component, settings)).toEqual([]);
      }
    }
  });

  test("DPL-13 defines each component that a pipeline names, and uses each that it defines", () => {
    for (const kind of ["receivers", "processors", "exporters"] as const) {
      const used = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline[kind]));
      expect([...used].sort()).toEqual(Object.keys(collector[kind]).sort());
    }
    expect(collector.service.extensions).toEqual(Object.keys(collector.extensions));
  });

  test("DPL-14 sends traces, metrics and logs to ClickHouse, metrics to Prometheus too, in the recommended order", () => {
    expect(Object.keys(pipelines)).toEqual(["traces", "metrics", "logs"]);
    for (const { processors, exporters } of Object.values(pipelines)) {
      expect(processors).toEqual(["memory_limiter", "resource", "transform/baggage", "batch"]);
      expect(exporters).toContain("clickhouse");
    }
    expect(pipelines["metrics"]?.exporters).toContain("otlp_http/prometheus");
  });

  test("DPL-15 removes recorded baggage from everything that has attributes, and keeps the variants", () => {
    const { error_mode, ...statements } = collector.processors["transform/baggage"];
    expect(error_mode).toBe("propagate");
    const targets: Record<string, readonly string[]> = {};
    const patterns = new Set<string>();
    for (const [signal, list] of Object.entries(statements)) {
      const parts = list.map((one) => /^delete_matching_keys\((\S+), "(.*?)"\)(?: where .*)?$/.exec(one));
      targets[signal] = parts.map((part) => part?.[1] ?? "");
      for (const part of parts) patterns.add(part?.[2] ?? "");
    }
    expect(targets).toEqual({
      trace_statements: ["resource.attributes", "scope.attributes", "span.attributes", "spanevent.attributes"],
      metric_statements: ["resource.attributes", "scope.attributes", "datapoint.attributes"],
      log_statements: ["resource.attributes", "scope.attributes", "log.attributes", 'log.attributes["req"]["headers"]'],
    });
    expect(patterns.size).toBe(1);
    const [escaped = ""] = patterns;
    // The Collector would expand a single dollar sign.
    expect(escaped.replaceAll("$$", "")).not.toContain("$");
    const pattern = new RegExp(escaped.replaceAll("$$", "$"));
    const removed = ["baggage", "Baggage", "http.request.header.baggage", "rpc.request.metadata.baggage"];
    const kept = ["experiment.checkout.variant", "experiment.baggage.size", "baggages", "luggage"];
    expect(removed.filter((name) => !pattern.test(name))).toEqual([]);
    expect(kept.filter((name) => pattern.test(name))).toEqual([]);
  });

  test("DPL-16 reads no variable that compose.yaml does not give it, and writes where compose.yaml has the stores", () => {
    const content = contentOf("collector.yaml");
    const names = [...content.matchAll(/\$\{env:([A-Z_]+)\}/g)].map(([, name]) => name);
    const given = { ...compose.services["collector"]?.environment };
    delete given["GOMEMLIMIT"]; // the Collector's Go runtime reads this one
    expect(new Set(names)).toEqual(new Set(Object.keys(given)));
    const stores = [...content.matchAll(/\w+:\/\/(\w+):\d+/g)].map(([, host = ""]) => host);
    expect(stores).toEqual(["clickhouse", "prometheus"]);
    expect(stores.filter((host) => !hostsIn("storage").has(host))).toEqual([]);
  });
});

describe("the stores", () => {
  test("DPL-17 Grafana's data sources are the two stores", () => {
    const source = fields(
      {
        name: text,
        uid: text,
        type: { enum: ["prometheus", "grafana-clickhouse-datasource"] },
        access: { const: "proxy" },
        url: { const: "http://prometheus:9090" },
        isDefault: flag,
        jsonData: fields({
          host: { const: "clickhouse" },
          port: integer,
          protocol: { enum: ["native", "http"] },
          secure: flag,
          username: { const: compose.services["clickhouse"]?.environment?.["CLICKHOUSE_USER"] },
          defaultDatabase: { const: compose.services["clickhouse"]?.environment?.["CLICKHOUSE_DB"] },
        }),
        secureJsonData: fields({ password: { const: "$CLICKHOUSE_PASSWORD" } }),
      },
      "name",
      "type",
    );
    const sources = fields(
      { apiVersion: { const: 1 }, datasources: { ...listOf(source), minItems: 2 } },
      "datasources",
    );
    expect(faults(sources, read("grafana/datasources.yaml"))).toEqual([]);
    expect(compose.services["grafana"]?.environment).toHaveProperty("CLICKHOUSE_PASSWORD");
  });

  const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;

  test.skipIf(!hasPromtool)("DPL-18 promtool accepts prometheus.yaml (skipped where there is no promtool)", () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "config", pathOf("prometheus.yaml")], {
      encoding: "utf8",
    });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });
});

/** The names by which a network knows its services. */
function hostsIn(network: string): ReadonlySet<string> {
  const members = services.filter(([, { networks }]) => namesOf(networks).includes(network));
  const aliases = members.flatMap(([, { networks }]) =>
    Object.entries(networks).flatMap(([one, settings]) => (one === network ? (settings.aliases ?? []) : [])),
  );
  return new Set([...members.map(([name]) => name), ...aliases]);
}
