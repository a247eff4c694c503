import { once } from "node:events";
import http from "node:http";
import { metrics } from "@opentelemetry/api";
import { AggregationTemporality, MeterProvider } from "@opentelemetry/sdk-metrics";
import { createExperiments, type Experiments, type ExperimentsOptions, type Scope } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { expect, test } from "vitest";
import { WireConnection } from "../../testing/wire/client.ts";
import { startListening } from "../support/listening.ts";
import { type Point, PointReader, pointsOf } from "../support/points.ts";

const REQUESTS = 10_000;
const COLLECTIONS = 6;
const CONNECTIONS = 4;
/** Every so many requests is one of a declared variant. */
const DECLARED_EVERY = 10;

const cumulative = new PointReader();
const delta = new PointReader(AggregationTemporality.DELTA);
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [cumulative, delta] }));

/** What both readers saw of one instrument: each series with its value. */
type Series = ReadonlyMap<string, number>;

interface Seen {
  /** After the last collection. */
  readonly cumulative: Series;
  /** Over all collections. */
  readonly delta: Series;
  /** The most series that one collection had, with either temporality. */
  readonly most: number;
}

/** Serves the members of `headerOf`, one for each request, and collects now and then. */
async function serve(
  options: ExperimentsOptions,
  instrument: string,
  headerOf: (i: number) => string,
  note: (assignments: Scope["assignments"]) => void = () => undefined,
): Promise<ReadonlyMap<string, Seen>> {
  const experiments: Experiments = createExperiments({ ...options, trustInbound: true });
  const server = http.createServer(
    nodeExperiments(experiments, (_request: http.IncomingMessage, response: http.ServerResponse) => {
      note(experiments.current().assignments);
      experiments.meter("shop").createCounter(instrument).add(1);
      experiments.meter("shop", { attribution: "each" }).createCounter(`${instrument}.each`).add(1);
      response.end();
    }),
  );
  const port = await startListening(server);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => WireConnection.open(port)));
  const seen = new Map([instrument, `${instrument}.each`].map((name) => [name, new SeenSeries()]));

  let next = 0;
  for (let collection = 1; collection <= COLLECTIONS; collection++) {
    const end = Math.round((REQUESTS * collection) / COLLECTIONS);
    await Promise.all(
      clients.map(async (client) => {
        while (next < end) {
          const response = await client.send({ lines: [`baggage: ${headerOf(next++)}`] });
          if (response.status !== 200) throw new Error(`the server answered ${response.start}`);
        }
      }),
    );
    const [all, added] = [await cumulative.metrics(), await delta.metrics()];
    for (const [name, series] of seen) series.collect(all.get(name), added.get(name));
  }

  for (const client of clients) client.close();
  server.close();
  await once(server, "close");
  await experiments.close();
  return seen;
}

type Metric = Parameters<typeof pointsOf>[0];

class SeenSeries implements Seen {
  cumulative: Series = new Map();
  readonly delta = new Map<string, number>();
  most = 0;

  collect(all: Metric | undefined, added: Metric | undefined): void {
    this.cumulative = seriesOf(all);
    for (const [series, value] of seriesOf(added)) this.delta.set(series, (this.delta.get(series) ?? 0) + value);
    this.most = Math.max(this.most, this.cumulative.size, this.delta.size);
  }
}

function seriesOf(metric: Metric | undefined): Series {
  const points: readonly Point[] = metric === undefined ? [] : pointsOf(metric);
  return new Map(
    points.map(({ attributes, value }) => [
      [attributes["experiment.id"] ?? "", attributes["experiment.variant"]].join(" "),
      value,
    ]),
  );
}

test("SER-01 10,000 variants of a trusted but careless caller add one series to those of a registry, which stay exact", async () => {
  const declared = ["control", "express"];
  let expected = { control: 0, express: 0, other: 0, none: 0 };
  const seen = await serve(
    { experiments: { checkout: { id: "checkout_1", variants: declared } }, strict: false },
    "declared",
    (i) => {
      if (i % DECLARED_EVERY === 0) {
        const variant = i % (2 * DECLARED_EVERY) === 0 ? "control" : "express";
        expected = { ...expected, [variant]: expected[variant] + 1 };
        return `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`;
      }
      if (i % DECLARED_EVERY === 1) {
        expected = { ...expected, none: expected.none + 1 };
        return i % (2 * DECLARED_EVERY) === 1
          ? "foreign=1"
          : `experiment.checkout.variant=v${i},experiment.checkout.forced=1`;
      }
      expected = { ...expected, other: expected.other + 1 };
      // Unknown variants, other runs of known ones, and unknown experiments.
      if (i % 3 === 0) return `experiment.checkout.variant=v${i}`;
      if (i % 3 === 1) return `experiment.checkout.variant=express,experiment.checkout.id=run${i}`;
      return `experiment.key${i}.variant=express,experiment.key${i}.id=id${i}`;
    },
  );

  const exact = new Map([
    ["checkout_1 control", expected.control],
    ["checkout_1 express", expected.express],
    [" none", expected.none],
    [" other", expected.other],
  ]);
  expect(expected.control + expected.express + expected.none + expected.other).toBe(REQUESTS);
  for (const name of ["declared", "declared.each"]) {
    const { cumulative: all, delta: added, most } = seen.get(name) ?? new SeenSeries();
    expect(sorted(all)).toEqual(sorted(exact));
    expect(sorted(added)).toEqual(sorted(exact));
    expect(most).toBe(4);
  }
});

function sorted(series: Series): readonly (readonly [string, number])[] {
  return [...series].sort(([a], [b]) => (a < b ? -1 : 1));
}

test("SER-02 without a registry they add 8 experiments of 8 variants for the process, and the rest is other", async () => {
  const counts = new Map<string, number>();
  const first = new Map<string, Set<string>>();
  const seen = await serve(
    { strict: false },
    "loose",
    (i) => {
      const [experiment, variant] = [i % 25, Math.floor(i / 25) % 40];
      // Without an id, an experiment has none to a meter, also where its key is spelled like another one's id.
      if (experiment === 0) return `experiment.run1.variant=v${variant}`;
      return `experiment.key${experiment}.variant=v${variant},experiment.key${experiment}.id=run${experiment}`;
    },
    ([assignment]) => {
      const { id = "", variant = "" } = assignment ?? {};
      // Who comes first has a series. This is that rule once more, in the order in which the server saw them.
      const variants = first.get(id) ?? new Set();
      if (first.size < 8) first.set(id, variants);
      if (first.has(id) && variants.size < 8) variants.add(variant);
      const series = variants.has(variant) ? `${id} ${variant}` : " other";
      counts.set(series, (counts.get(series) ?? 0) + 1);
    },
  );
  expect(counts.size).toBe(8 * 8 + 1);
  for (const name of ["loose", "loose.each"]) {
    const { cumulative: all, delta: added, most } = seen.get(name) ?? new SeenSeries();
    expect(sorted(all)).toEqual(sorted(counts));
    expect(sorted(added)).toEqual(sorted(counts));
    expect(most).toBe(8 * 8 + 1);
  }
});
