import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { OPENTELEMETRY, OURS } from "./launches.ts";
import {
  type EndedShop,
  exportTo,
  type InstalledShop,
  installShop,
  plainEnvironment,
  SHOPS_INSTRUMENTATIONS,
  ShopProcess,
} from "./shop-process.ts";
import { startTelemetryReceiver } from "./telemetry-receiver.ts";

let shop: InstalledShop;
let downstream: WireServer;

beforeAll(async () => {
  [shop, downstream] = await Promise.all([installShop(), startWireServer()]);
});

afterAll(async () => {
  await downstream.close();
  await shop[Symbol.asyncDispose]();
});

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script to its end. One that does not end by itself is killed, and fails the test. */
async function run(preload: readonly string[], environment: { readonly [name: string]: string }): Promise<Ran> {
  const options = { cwd: shop.directory, env: { ...plainEnvironment(), ...environment }, timeout: 30_000 };
  return promisify(execFile)(process.execPath, [...preload, "plain.mjs"], options);
}

interface Ordered {
  readonly ended: EndedShop;
  /** The attributes of a span of the shop's own. */
  readonly active: object | undefined;
  /** What OpenTelemetry's propagator made of a carrier with `carrier=1`. */
  readonly carrier: { readonly baggage: string };
}

/** Serves one order, and gives what is left of it. */
async function order(
  environment: { readonly [name: string]: string },
  preload: readonly string[] = [...OURS, ...OPENTELEMETRY],
): Promise<Ordered> {
  const receiver = await startTelemetryReceiver();
  const environments = {
    ...exportTo(receiver),
    ...SHOPS_INSTRUMENTATIONS,
    DOWNSTREAM_ALLOWED: downstream.origin,
    DOWNSTREAM_REFUSED: downstream.origin,
    ...environment,
  };
  const process = await ShopProcess.start(shop.directory, { preload, app: "app.cjs", environment: environments });
  try {
    const path = "/order?assign=express&search=semantic";
    const { body } = await send(process.port, { path, lines: ["baggage: foreign=1"] });
    const { carrier } = JSON.parse(body) as Ordered; // why: what the shop answers
    const ended = await process.end();
    expect(ended.code).toBe(0);
    const active = receiver.spans.find(({ name }) => name === "active");
    return { ended, active: active?.attributes, carrier };
  } finally {
    process.kill();
    receiver.close();
  }
}

describe("without OpenTelemetry", () => {
  test("REG-50 nothing happens: no channel, no listener, no timer, nothing to be seen on the global object", async () => {
    const peers = ["@opentelemetry/api", "@opentelemetry/core"].flatMap((name) => ["--import", name]);
    const [without, withOurs] = await Promise.all([run(peers, {}), run(OURS, {})]);
    const { enumerable, ...others } = JSON.parse(withOurs.stdout) as Record<string, unknown>; // why: the script prints it
    expect(others).toEqual({ ...JSON.parse(without.stdout), enumerable: undefined });
    expect(enumerable).toEqual([]);
    expect(withOurs.stderr).toBe("");
  });

  test("REG-51 wrong values are said all the same, a line each on stderr, and the script runs", async () => {
    const { stdout, stderr } = await run(OURS, {
      OTEL_EXPERIMENTS_SPAN_KINDS: "servr",
      OTEL_EXPERIMENTS_SPAN_KIND: "server",
    });
    expect(stderr.split("\n")).toEqual([
      'otel-experiments: OTEL_EXPERIMENTS_SPAN_KINDS is "servr"; write any of internal, server, client, producer and consumer, separated by commas. It counts as not set.',
      "otel-experiments: the variable OTEL_EXPERIMENTS_SPAN_KIND does not exist; did you mean OTEL_EXPERIMENTS_SPAN_KINDS?",
      "",
    ]);
    expect(JSON.parse(stdout)).toHaveProperty("subscribed", []);
  });

  test("REG-52 the application runs as ever", async () => {
    const { ended } = await order({}, OURS);
    expect(ended.stderr).toBe("");
  });
});

describe("beside OpenTelemetry", () => {
  test("REG-53 a wrong value is said once, its variable counts as not set, and the application starts", async () => {
    const { ended, active } = await order({ OTEL_EXPERIMENTS_SPAN_ATTRIBUTES: "all" }, [
      ...OURS,
      ...OPENTELEMETRY,
      ...OURS,
    ]);
    expect(ended.stderr).toBe(
      'otel-experiments: OTEL_EXPERIMENTS_SPAN_ATTRIBUTES is "all"; write flat, keyed, both or none. It counts as not set.\n',
    );
    expect(active).toMatchObject({ "experiment.variant": "express" });
  });

  test("REG-54 where OpenTelemetry logs already, what is wrong is said there", async () => {
    const { ended } = await order({ OTEL_EXPERIMENTS_KEYS: "Checkout", OTEL_LOG_LEVEL: "warn" }, [
      ...OPENTELEMETRY,
      ...OURS,
    ]);
    expect(ended.stderr.split("\n").filter((line) => line.includes("otel-experiments: "))).toEqual([
      expect.stringContaining("OTEL_EXPERIMENTS_KEYS is"),
    ]);
    const silent = await order({ OTEL_EXPERIMENTS_KEYS: "Checkout", OTEL_LOG_LEVEL: "none" }, [
      ...OPENTELEMETRY,
      ...OURS,
    ]);
    expect(silent.ended.stderr).toBe("");
  });

  test("REG-58 two copies of the package decorate once", async () => {
    const again = join(shop.directory, "node_modules/otel-experiments-again");
    await cp(join(shop.directory, "node_modules/otel-experiments"), again, { recursive: true });
    const { ended, active } = await order({ OTEL_EXPERIMENTS_LOG_ATTRIBUTES: "all" }, [
      "--import",
      pathToFileURL(join(again, "dist/adapters/sdk/register.js")).href,
      ...OURS,
      ...OPENTELEMETRY,
    ]);
    expect(ended.stderr.match(/OTEL_EXPERIMENTS_LOG_ATTRIBUTES/g)).toHaveLength(1);
    expect(active).toMatchObject({ "experiment.variant": "express" });
  });

  test("REG-59 without OTEL_EXPERIMENTS_OUTGOING the wrapped client alone passes the variant on", async () => {
    const peer = await startWireServer();
    await order({ DOWNSTREAM_ALLOWED: peer.origin });
    expect(peer.requests.map(({ start }) => start.split(" ")[1])).toEqual(["/fetch", "/wrapped", "/http"]);
    expect(peer.baggage().map((lines) => lines.join().includes("experiment."))).toEqual([false, true, false]);
    await peer.close();
  });

  test("REG-70 OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS lets own members go where no destination is known", async () => {
    const { carrier } = await order({ OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS: "true" });
    expect(carrier.baggage).toBe(
      "carrier=1,foreign=1,experiment.checkout.variant=express,experiment.checkout.id=checkout_1,experiment.search.variant=semantic,experiment.search.id=search_1",
    );
  });

  test("REG-71 OTEL_EXPERIMENTS_PROPAGATOR=false leaves OpenTelemetry's propagator as it is", async () => {
    const { carrier } = await order({ OTEL_EXPERIMENTS_PROPAGATOR: "false" });
    expect(carrier.baggage).toBe("foreign=1");
  });

  test("REG-72 where OTEL_PROPAGATORS has no baggage none is passed on, and who wants ours to be is told", async () => {
    const { carrier, ended } = await order({
      OTEL_PROPAGATORS: "tracecontext",
      OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS: "true",
    });
    expect(carrier.baggage).toBe("carrier=1");
    expect(ended.stderr).toBe(
      "otel-experiments: OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS needs baggage among OTEL_PROPAGATORS.\n",
    );
  });

  test("REG-55 disabled, it does nothing", async () => {
    const { ended, active } = await order({ OTEL_EXPERIMENTS_DISABLED: "true" });
    expect(ended.stderr).toBe("");
    expect(active).toEqual({ user: "attribute" });
  });

  test("REG-56 OpenTelemetry disabled, nothing is missing", async () => {
    const { ended, active } = await order({ OTEL_SDK_DISABLED: "true" });
    expect(ended.stderr).toBe("");
    expect(active).toBeUndefined();
  });

  test("REG-57 the variables say which attributes of which experiments are on which spans", async () => {
    const flat = { "experiment.id": "checkout_1", "experiment.variant": "express" };
    const keyed = {
      "experiment.checkout.id": "checkout_1",
      "experiment.checkout.variant": "express",
      "experiment.search.id": "search_1",
      "experiment.search.variant": "semantic",
    };
    const [both, one, none, others] = await Promise.all(
      [
        { OTEL_EXPERIMENTS_SPAN_ATTRIBUTES: "both" },
        { OTEL_EXPERIMENTS_SPAN_ATTRIBUTES: "keyed", OTEL_EXPERIMENTS_KEYS: "search" },
        { OTEL_EXPERIMENTS_SPAN_ATTRIBUTES: "none" },
        { OTEL_EXPERIMENTS_SPAN_KINDS: "client,producer" },
      ].map((environment) => order(environment)),
    );
    expect(both?.active).toEqual({ user: "attribute", ...flat, ...keyed });
    expect(one?.active).toEqual({
      user: "attribute",
      "experiment.search.id": "search_1",
      "experiment.search.variant": "semantic",
    });
    expect(none?.active).toEqual({ user: "attribute" });
    expect(others?.active).toEqual({ user: "attribute" });
  });
});
