import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { type Attributes, context, ROOT_CONTEXT } from "@opentelemetry/api";
import { logs as frozenLogs } from "@opentelemetry/api-logs";
import { suppressTracing } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { PinoInstrumentation } from "@opentelemetry/instrumentation-pino";
import { WinstonInstrumentation } from "@opentelemetry/instrumentation-winston";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordProcessor,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import { OpenTelemetryTransportV3 } from "@opentelemetry/winston-transport";
import { createExperiments, ExperimentConfigError, type Experiments } from "otel-experiments";
import { ExperimentLogRecordProcessor, type ExperimentLogRecordProcessorOptions } from "otel-experiments/sdk";
import type * as Pino from "pino";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import type * as Winston from "winston";
import { send } from "../../testing/wire/client.ts";
import { recordDiag } from "../support/diag.ts";
import { REGISTRY } from "../support/experiments.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { requireExpress } from "../support/frameworks/required.ts";
import { logs } from "../support/logs-api.ts";
import { openRequest } from "../support/opened-request.ts";
import { experimentAttributes, startTracing } from "../support/tracing.ts";

const EXPRESS = "experiment.checkout.variant=express";
const EXPRESS_PAIR: Attributes = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const EXPRESS_KEYED: Attributes = { "experiment.checkout.id": "checkout_1", "experiment.checkout.variant": "express" };
const SEMANTIC_KEYED: Attributes = { "experiment.search.id": "search_1", "experiment.search.variant": "semantic" };

const exporter = new InMemoryLogRecordExporter();
const winstonInstrumentation = new WinstonInstrumentation();
const tracing = startTracing([new HttpInstrumentation(), new PinoInstrumentation(), winstonInstrumentation]);
const provider = new LoggerProvider({
  processors: [new ExperimentLogRecordProcessor(), new SimpleLogRecordProcessor({ exporter })],
});
logs.setGlobalLoggerProvider(provider);
// winston's transport asks the logs API of the 2.x line, which has a global of its own.
frozenLogs.setGlobalLoggerProvider(provider);

const require = createRequire(import.meta.url);
const diag = recordDiag();
const harness = expressHarness("Express", requireExpress());
const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

beforeEach(() => {
  exporter.reset();
  tracing.clear();
  diag.take();
});

afterAll(() => tracing.stop());

/** Runs a function in the scope of a request that came with members. */
function inRequest<T>(header: string, fn: () => T): T {
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
  return openRequest(experiments, { header }).run(fn);
}

function written(): readonly Attributes[] {
  return exporter.getFinishedLogRecords().map(({ attributes }) => experimentAttributes(attributes));
}

/** A provider of its own, so that options can be tried beside the process's one. */
function separate(options: ExperimentLogRecordProcessorOptions): LoggerProvider {
  const processor: LogRecordProcessor = new ExperimentLogRecordProcessor(options);
  return new LoggerProvider({ processors: [processor, new SimpleLogRecordProcessor({ exporter })] });
}

/** Serves two requests at a time, one of them with a variant from its caller and one with its own. */
async function serveTwo(log: (experiments: Experiments<typeof REGISTRY>, path: string) => unknown): Promise<void> {
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
  const server = await harness.serve({
    mount: [experiments],
    async handler({ request, reply }) {
      if (request.url === "/1") experiments.record("checkout", "control");
      await new Promise((resolve) => setImmediate(resolve));
      await log(experiments, request.url ?? "");
      reply(200, "ok");
    },
  });
  await Promise.all([
    send(server.port, { path: "/0", lines: [`baggage: ${EXPRESS}`] }),
    send(server.port, { path: "/1" }),
  ]);
  await tracing.serverSpans(2);
  await server.close();
  await experiments.close();
}

/** What was logged of each path: its variant, and whether it bears the trace id of its own request's span. */
function logged(): readonly object[] {
  return ["/0", "/1"].flatMap((path) => {
    const span = tracing.spans().find(({ attributes }) => attributes["url.path"] === path);
    return exporter
      .getFinishedLogRecords()
      .filter(({ body }) => body === `served ${path}`)
      .map(({ attributes, spanContext }) => ({
        path,
        variant: attributes["experiment.variant"],
        ownTrace: span !== undefined && spanContext?.traceId === span.spanContext().traceId,
      }));
  });
}

const BOTH_LOGGED = [
  { path: "/0", variant: "express", ownTrace: true },
  { path: "/1", variant: "control", ownTrace: true },
];

describe("log records of a request", () => {
  test("LGP-01 have the flat pair and the trace id, by the logs API", async () => {
    await serveTwo((_, path) => logs.getLogger("shop").emit({ body: `served ${path}` }));
    expect(logged()).toEqual(BOTH_LOGGED);
  });

  test("LGP-02 have it by pino, through its instrumentation, with a mixin and a child logger", async () => {
    // why: what the package exports to require(), where instrumentations patch it
    const pino = require("pino") as typeof Pino.pino;
    const logger = pino({ mixin: () => ({ mixed: 1 }) }, nowhere());
    await serveTwo((_, path) => logger.child({ child: 1 }).info({ path }, `served ${path}`));
    expect(logged()).toEqual(BOTH_LOGGED);
    expect(exporter.getFinishedLogRecords()[0]?.attributes).toMatchObject({ child: 1, mixed: 1 });
  });

  test("LGP-03 have it by winston, through its instrumentation and its transport", async () => {
    // why: what the package exports to require(), where instrumentations patch it
    const winston = require("winston") as typeof Winston;
    const logger = winston.createLogger({ transports: [new winston.transports.Stream({ stream: nowhere() })] });
    await serveTwo((_, path) => logger.info(`served ${path}`, { path }));
    expect(logged()).toEqual(BOTH_LOGGED);
  });

  test("LGP-08 have their own by winston also where a slow transport holds them back, in whatever context they go on", async () => {
    // why: what the package exports to require(), where instrumentations patch it
    const winston = require("winston") as typeof Winston;
    // why: winston gives it without a type
    const { Transport } = winston as unknown as { readonly Transport: new (options: object) => Winston.transport };
    const log = (_info: unknown, next: () => void): void => void setTimeout(next, 1);
    const logger = winston.createLogger({ transports: [new Transport({ log, highWaterMark: 1 })] });
    const experiments = createExperiments({ trustInbound: true });
    const server = await harness.serve({
      mount: [experiments],
      async handler({ request, reply }) {
        for (let i = 0; i < 5; i++) {
          logger.info(`${request.url} says ${i}`);
          await new Promise((resolve) => setImmediate(resolve));
        }
        reply(200, "ok");
      },
    });
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        send(server.port, { path: `/v${i % 6}`, lines: [`baggage: experiment.checkout.variant=v${i % 6}`] }),
      ),
    );
    await vi.waitFor(() => expect(exporter.getFinishedLogRecords()).toHaveLength(200), 10_000);
    logger.end();
    await server.close();
    await experiments.close();
    const records = exporter.getFinishedLogRecords();
    const wrong = records.filter(
      ({ body, attributes }) => !String(body).startsWith(`/${String(attributes["experiment.variant"])} `),
    );
    expect(wrong.map(({ body, attributes }) => [String(body).slice(0, 8), attributes])).toEqual([]);
  });

  test("LGP-09 need the global of the 2.x line's logs API for winston's transport, which asks no other", () => {
    // why: what the package exports to require(), where instrumentations patch it
    const winston = require("winston") as typeof Winston;
    const log = (): void => {
      const logger = winston.createLogger({ transports: [new winston.transports.Stream({ stream: nowhere() })] });
      inRequest(EXPRESS, () => logger.info("served"));
    };
    frozenLogs.disable();
    log();
    expect(written()).toEqual([]);
    frozenLogs.setGlobalLoggerProvider(provider);
    log();
    expect(written()).toEqual([EXPRESS_PAIR]);
  });

  test("LGP-12 have it by winston's transport alone, which an application adds itself", async () => {
    winstonInstrumentation.setConfig({ disableLogSending: true });
    // why: what the package exports to require(), where instrumentations patch it
    const winston = require("winston") as typeof Winston;
    const logger = winston.createLogger({ transports: [new OpenTelemetryTransportV3()] });
    await serveTwo((_, path) => logger.info(`served ${path}`, { path }));
    winstonInstrumentation.setConfig({});
    expect(logged()).toEqual(BOTH_LOGGED);
  });

  test("LGP-04 have none without an assignment, and none outside a request", () => {
    const logger = logs.getLogger("shop");
    inRequest("user=1", () => logger.emit({ body: "in" }));
    logger.emit({ body: "outside" });
    expect(written()).toEqual([{}, {}]);
  });

  test("LGP-05 keep what the user set, and lose no attribute of the user's to ours", () => {
    const mine = Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`mine.${i}`, i]));
    const logger = logs.getLogger("shop");
    inRequest(EXPRESS, () => {
      logger.emit({ attributes: { "experiment.id": "mine" } });
      logger.emit({ attributes: { "experiment.variant": "mine" } });
      logger.emit({ attributes: mine });
    });
    expect(exporter.getFinishedLogRecords().map(({ attributes }) => attributes)).toEqual([
      { "experiment.id": "mine" },
      { "experiment.variant": "mine" },
      mine,
    ]);
  });

  test("LGP-06 are whose context they are emitted with, though another request's code runs", async () => {
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof context.active>>();
    await serveTwo(async (_, path) => {
      if (path === "/0") resolve(context.active());
      const first = await promise;
      if (path === "/1") logs.getLogger("shop").emit({ body: "of the first", context: first });
    });
    const record = exporter.getFinishedLogRecords().find(({ body }) => body === "of the first");
    expect(record?.attributes["experiment.variant"]).toBe("express");
  });

  test("LGP-07 are nobody's under suppressTracing", () => {
    inRequest(EXPRESS, () => {
      context.with(suppressTracing(context.active()), () => logs.getLogger("shop").emit({ body: "an exporter's" }));
    });
    expect(written()).toEqual([{}]);
  });
});

describe("options", () => {
  const members = `${EXPRESS},experiment.search.variant=semantic`;

  test("LGP-10 keyed, both, and the experiments that are named", () => {
    inRequest(members, () => {
      for (const options of [
        { attributes: "keyed" },
        { attributes: "both" },
        { attributes: "keyed", experiments: ["search"] },
        { experiments: ["search"] },
      ] as const) {
        separate(options).getLogger("shop").emit({ body: "a" });
      }
    });
    const all = { ...EXPRESS_KEYED, ...SEMANTIC_KEYED };
    expect(written()).toEqual([all, { ...all, ...EXPRESS_PAIR }, SEMANTIC_KEYED, {}]);
  });

  test("LGP-11 a wrong one throws at set-up and says the mend", () => {
    const wrong: readonly [unknown, string, RegExp][] = [
      [null, "ERR_OPTIONS", /ExperimentLogRecordProcessor are null; write an object/],
      [{ kinds: [1] }, "ERR_UNKNOWN_OPTION", /"kinds".*the options are experiments, attributes/],
      [{ attributes: ["flat"] }, "ERR_OPTION_VALUE", /attributes is an array/],
    ];
    for (const [options, code, message] of wrong) {
      const make = () => new ExperimentLogRecordProcessor(options as ExperimentLogRecordProcessorOptions); // why: wrong on purpose
      expect(make).toThrow(ExperimentConfigError);
      expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    }
  });
});

describe("what goes wrong", () => {
  test("LGP-20 a record that throws throws to nobody", () => {
    const processor = new ExperimentLogRecordProcessor();
    const record = {
      attributes: {},
      setAttribute(): never {
        throw new Error("this record is broken");
      },
    };
    inRequest(EXPRESS, () => processor.onEmit(record));
    inRequest(EXPRESS, () =>
      processor.onEmit(Object.freeze({ ...record, attributes: Object.freeze({}) }), ROOT_CONTEXT),
    );
    expect(diag.take()).toEqual([expect.stringMatching(/a log record refused the attributes/)]);
  });

  test("LGP-21 a record that nobody exports is not made for us", () => {
    const refusing: LogRecordProcessor = {
      onEmit: () => undefined,
      enabled: () => false,
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    const made = new LoggerProvider({ processors: [new ExperimentLogRecordProcessor(), refusing] });
    expect(made.getLogger("shop").enabled()).toBe(false);
    expect(provider.getLogger("shop").enabled()).toBe(true);
  });

  test("LGP-22 shut down while a request is under way, nothing throws", async () => {
    const made = separate({});
    await inRequest(EXPRESS, async () => {
      made.getLogger("shop").emit({ body: "before" });
      await made.shutdown();
      made.getLogger("shop").emit({ body: "after" });
    });
    await new ExperimentLogRecordProcessor().forceFlush();
    for (const attributes of written()) expect(attributes).toEqual(EXPRESS_PAIR);
  });
});
