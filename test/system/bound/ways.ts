import http from "node:http";
import type { Span } from "@opentelemetry/api";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { createExperiments, type Experiments, type Registry } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { flow } from "otel-experiments/flow";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { ExperimentLogRecordProcessor, ExperimentSpanProcessor, withExperiments } from "otel-experiments/sdk";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, request, fetch as undiciFetch } from "undici";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../../testing/wire/server.ts";
import { SHOWS_DESTINATION } from "../../support/clients/node-http.ts";
import { PointReader, startPoints } from "../../support/points.ts";

/** What a way works with. */
interface Bench {
  readonly experiments: Experiments;
  /** Another instance that serves the same requests. */
  readonly other: Experiments;
  /** A server that answers with the `baggage` that it gets. */
  readonly echo: string;
  /** Reads the metrics of the process's MeterProvider. */
  readonly reader: PointReader;
}

/** Opens a bench whose experiments believe every caller and write for all clients. */
export async function openBench(registry: Registry): Promise<Bench & { readonly close: () => Promise<void> }> {
  const reader = startPoints();
  const echo = await startWireServer(({ lines }) => ({ body: headerValues(lines, "baggage").join() }));
  const options = {
    experiments: registry,
    trustInbound: true,
    propagateTo: [echo.origin, "queue:orders"],
    strict: false,
  };
  const [experiments, other] = [createExperiments(options), createExperiments(options)] as const;
  const outgoing = instrumentOutgoing(experiments);
  const close = async (): Promise<void> => {
    outgoing[Symbol.dispose]();
    await experiments.close();
    await other.close();
    await echo.close();
  };
  return { experiments, other, echo: echo.origin, reader, close };
}

/** One way of using a request's variant. The result gives the variant that it had, when all requests are over. */
export interface Way {
  readonly name: string;
  /** Whether the variant is that of an assignment by `assign`, and not that of the caller. */
  readonly assigns?: boolean;
  readonly make: (bench: Bench) => (index: number) => unknown;
}

const tracer = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] }).getTracer("bound");

const attributesOf = (span: Span): Readonly<Record<string, unknown>> =>
  Object(Reflect.get(span, "attributes")) as Record<string, unknown>; // why: the SDK's spans show them

const onWire = (baggage: string | undefined): string | undefined =>
  /experiment\.checkout\.variant=(\w+)/.exec(baggage ?? "")?.[1];

async function byHttp(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = http.get(url, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    });
    call.on("error", reject);
  });
}

/** A Node that does not show where a request of node:http goes writes nothing there. */
const overHttp: readonly Way[] = SHOWS_DESTINATION
  ? [
      {
        name: "node:http, every client",
        make:
          ({ echo }) =>
          async () =>
            onWire(await byHttp(echo)),
      },
    ]
  : [];

/** The ways of `instrumentOutgoing`, which has to be in force, and of wrapped clients. */
export const clients: readonly Way[] = [
  {
    name: "fetch, wrapped",
    make: ({ experiments, echo }) => {
      const call = experimentFetch(experiments);
      return async () => onWire(await (await call(echo)).text());
    },
  },
  {
    name: "fetch, wrapped, with spans",
    make: ({ experiments, echo }) => {
      const call = experimentFetch(experiments, undefined, { spans: true });
      return async () => onWire(await (await call(echo)).text());
    },
  },
  {
    name: "undici, with the interceptor",
    make: ({ experiments, echo }) => {
      const dispatcher = new Agent().compose(experimentInterceptor(experiments));
      return async () => onWire(await (await request(echo, { dispatcher })).body.text());
    },
  },
  {
    name: "fetch, every client",
    make:
      ({ echo }) =>
      async () =>
        onWire(await (await fetch(echo)).text()),
  },
  {
    name: "undici.fetch, every client",
    make:
      ({ echo }) =>
      async () =>
        onWire(await (await undiciFetch(echo)).text()),
  },
  {
    name: "undici.request, every client",
    make:
      ({ echo }) =>
      async () =>
        onWire(await (await request(echo)).body.text()),
  },
  ...overHttp,
];

/** Ways that need no client. */
export const calls: readonly Way[] = [
  {
    name: "variant",
    make:
      ({ experiments }) =>
      () =>
        experiments.variant("checkout"),
  },
  {
    name: "variant of another instance",
    make:
      ({ other }) =>
      () =>
        other.variant("checkout"),
  },
  {
    name: "use",
    make:
      ({ experiments }) =>
      () =>
        experiments.use("checkout"),
  },
  {
    name: "current",
    make:
      ({ experiments }) =>
      () =>
        experiments.current().assignments[0]?.variant,
  },
  {
    name: "assign",
    assigns: true,
    make:
      ({ experiments }) =>
      (index) =>
        experiments.assign("checkout", String(index)),
  },
  {
    name: "record",
    assigns: true,
    make:
      ({ experiments }) =>
      (index) =>
        experiments.record("checkout", `v${index}`),
  },
  {
    name: "expose and convert",
    make:
      ({ experiments, reader }) =>
      (index) => {
        experiments.expose("checkout");
        experiments.convert(`c${index}`);
        return async () => {
          const converted = await reader.points("experiment.conversions");
          const own = converted.filter(({ attributes }) => attributes["experiment.conversion"] === `c${index}`);
          return own.map(({ attributes }) => attributes["experiment.variant"]).join();
        };
      },
  },
  ...(["Counter", "Histogram"] as const).map(
    (kind): Way => ({
      name: `the meter's ${kind}`,
      make: ({ experiments, reader }) => {
        const meter = experiments.meter("bound");
        const measure = (index: number): void => {
          if (kind === "Counter") meter.createCounter("bound.count").add(1, { index });
          else meter.createHistogram("bound.size").record(1, { index });
        };
        return (index) => {
          measure(index);
          return () => pairOf(reader, kind === "Counter" ? "bound.count" : "bound.size", index);
        };
      },
    }),
  ),
  {
    name: "an instrument of another's meter",
    make: () => {
      const reader = new PointReader();
      const provider = withExperiments(new MeterProvider({ readers: [reader] }), { instruments: ["bound.other"] });
      const count = provider.getMeter("other").createCounter("bound.other");
      return (index) => {
        count.add(1, { index });
        return () => pairOf(reader, "bound.other", index);
      };
    },
  },
  {
    name: "inject",
    make:
      ({ experiments }) =>
      () =>
        onWire(Reflect.get(experiments.inject({}, { to: "queue:orders" }), "baggage") as string), // why: a text or absent
  },
  {
    name: "a step of a flow",
    make: ({ experiments, reader }) => {
      const paying = flow(experiments, "bound");
      return async (index) => {
        const seen = await paying.run((step) => step(`s${index}`, () => experiments.variant("checkout")));
        return async () => {
          const measured = await pairOf(reader, "bound.step.duration", `s${index}`, "bound.step");
          return seen === measured ? seen : [seen, measured];
        };
      };
    },
  },
  {
    name: "a child span",
    make: () => () => {
      const span = tracer.startSpan("child");
      span.end();
      return attributesOf(span)["experiment.variant"];
    },
  },
  {
    name: "within a child span",
    make:
      ({ experiments }) =>
      () =>
        tracer.startActiveSpan("child", (span) => {
          span.end();
          return experiments.variant("checkout");
        }),
  },
  {
    name: "a log record",
    make: () => {
      const exporter = new InMemoryLogRecordExporter();
      const logger = new LoggerProvider({
        processors: [new ExperimentLogRecordProcessor(), new SimpleLogRecordProcessor({ exporter })],
      }).getLogger("bound");
      return (index) => {
        logger.emit({ body: `of ${index}` });
        const records = exporter.getFinishedLogRecords();
        return records.find(({ body }) => body === `of ${index}`)?.attributes["experiment.variant"];
      };
    },
  },
];

async function pairOf(reader: PointReader, name: string, index: number | string, by = "index"): Promise<unknown> {
  const points = await reader.points(name);
  return points
    .filter(({ attributes }) => attributes[by] === index)
    .map(({ attributes }) => attributes["experiment.variant"])
    .join();
}
