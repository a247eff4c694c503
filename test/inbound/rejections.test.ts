import { metrics } from "@opentelemetry/api";
import { createExperiments, type ExperimentsOptions } from "otel-experiments";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REDESIGN } from "../support/experiments.ts";
import { nodeHarness } from "../support/frameworks/node.ts";
import type { PointReader } from "../support/points.ts";
import { startPoints } from "../support/points.ts";
import { exchangeRaw } from "../support/raw-exchange.ts";

const REJECTIONS = "experiment.baggage.rejections";

let measuring: PointReader;

beforeEach(() => {
  measuring = startPoints();
});

afterEach(() => metrics.disable());

interface Received {
  readonly status: number;
  /** `key=variant` of what was kept, sorted. */
  readonly kept: string;
  /** How many members were rejected, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

async function receive(
  lines: readonly string[],
  options: Partial<ExperimentsOptions<typeof REDESIGN>> = {},
): Promise<Received> {
  const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, ...options });
  const server = await nodeHarness.serve({
    mount: [experiments],
    handler({ reply }) {
      const assignments = experiments.current().assignments.map(({ key, variant }) => `${key}=${variant}`);
      reply(200, assignments.toSorted().join(" "));
    },
  });
  const { status, body } = await exchangeRaw(
    { port: server.port, host: "127.0.0.1" },
    lines.map((line) => `baggage: ${line}`),
  );
  await server.close();
  await experiments.close();
  return { status, kept: body, rejected: await measuring.sums(REJECTIONS, "reason") };
}

const GOOD = "experiment.search.variant=semantic";

describe("members that do not count are counted by reason, and the good ones beside them are kept:", () => {
  const checkout = "experiment.checkout.";
  const bad: readonly (readonly [reason: string, members: number, baggage: string])[] = [
    ["malformed", 1, `${checkout}variant`],
    ["malformed", 1, `${checkout}variant=`],
    ["malformed", 1, `${checkout}variant=a b`],
    ["malformed", 1, `${checkout}variant="express"`],
    ["malformed", 1, `${checkout}variant=%ZZ`],
    ["malformed", 1, `${checkout}variant=%0d%0aset-cookie:%20a=b`],
    ["malformed", 1, `${checkout}variant=%00`],
    ["malformed", 1, `${checkout}variant=%ff`],
    ["malformed", 1, `${checkout}variant=\u00e4`],
    ["malformed", 1, `${checkout}variant=${"v".repeat(65)}`],
    ["malformed", 1, `${checkout}variant=.express`],
    ["malformed", 1, `${checkout}colour=red`],
    ["malformed", 1, `${checkout}forced=yes`],
    ["malformed", 1, `${checkout}subject=some one`],
    ["orphan", 1, `${checkout}subject=someone`],
    ["malformed", 1, "experiment.Checkout.variant=express"],
    ["malformed", 1, "experiment.__proto__.variant=express"],
    ["malformed", 1, "experiment.id.variant=express"],
    ["malformed", 1, `experiment.${"k".repeat(33)}.variant=express`],
    ["malformed", 1, "experiment.variant=express"],
    ["malformed", 1, "experiment..variant=express"],
    ["malformed", 1, "experiment.=express"],
    ["malformed", 1, `\u00a0${checkout}variant=express`],
    ["malformed", 2, `${checkout}variant=a b,${checkout}id=c d`],
    ["encoded_key", 1, "experiment%2Echeckout.variant=express"],
    ["encoded_key", 1, "%65xperiment.checkout.variant=express"],
    ["encoded_key", 1, "\u00a0experiment%2Echeckout.variant=express"],
    ["encoded_key", 2, "experiment%2echeckout.variant=express,experiment%2Echeckout.id=a"],
    ["encoded_key", 3, "%1Cexperiment.checkout.variant=express,+experiment.checkout.id=a,%2565xperiment.a.id=b"],
    ["orphan", 1, `${checkout}id=checkout_redesign_2026q1`],
    ["orphan", 2, `${checkout}id=checkout_redesign_2026q1,${checkout}forced=1`],
  ];

  test.each(bad)("RJ-01 %s, %i: %j", async (reason, members, baggage) => {
    const alone = { status: 200, kept: "search=semantic", rejected: { [reason]: members } };
    expect(await receive([`${baggage},${GOOD}`])).toEqual(alone);
  });

  test("RJ-02 untrusted, also what the registry does not know; keys that are only ours when decoded have their own reason", async () => {
    const baggage = `experiment.checkout.variant=express,experiment.checkout.id=x,experiment.pricing.variant=high,${GOOD}`;
    expect(await receive([`user=1,${baggage},experiment%2Esearch.variant=x`], { trustInbound: false })).toEqual({
      status: 200,
      kept: "",
      rejected: { untrusted: 4, encoded_key: 1 },
    });
  });

  test("RJ-03 unknown, where the option says to drop it: an experiment and a variant", async () => {
    const unknown = [
      "experiment.pricing.variant=high,experiment.pricing.id=pricing_1,experiment.pricing.forced=1",
      "experiment.checkout.variant=from_next_year",
    ];
    expect(await receive([...unknown, GOOD], { unknown: "drop" })).toEqual({
      status: 200,
      kept: "search=semantic",
      rejected: { unknown: 4 },
    });
  });

  test("RJ-04 nothing of them where the option says to pass it", async () => {
    const unknown = ["experiment.pricing.variant=high", "experiment.checkout.variant=from_next_year"];
    expect(await receive([...unknown, GOOD], { unknown: "pass" })).toEqual({
      status: 200,
      kept: "checkout=from_next_year pricing=high search=semantic",
      rejected: {},
    });
  });

  test("RJ-05 id_mismatch, while the assignment is kept with the wire's id", async () => {
    expect(await receive([`experiment.checkout.variant=express,experiment.checkout.id=another,${GOOD}`])).toEqual({
      status: 200,
      kept: "checkout=express search=semantic",
      rejected: { id_mismatch: 1 },
    });
  });

  test("RJ-06 over_limit, what stands behind the 8192nd byte of the header", async () => {
    const padding = `user=${"u".repeat(9_000)}`;
    expect(await receive([`${GOOD},${padding},experiment.checkout.variant=express,experiment.checkout.id=x`])).toEqual({
      status: 200,
      kept: "search=semantic",
      rejected: { over_limit: 2 },
    });
  });

  test("RJ-07 over_limit, what is more than 64 experiments, of which the primary and forced ones are not", async () => {
    const many = Array.from({ length: 68 }, (_, i) => `experiment.e${i}.variant=v`);
    const last = [
      "experiment.forced_one.variant=v",
      "experiment.forced_one.forced=1",
      "experiment.checkout.variant=express",
    ];
    const { status, kept, rejected } = await receive([[...many, ...last].join(",")], { primary: "checkout" });
    expect(status).toBe(200);
    expect(kept.split(" ")).toHaveLength(64);
    expect(kept.split(" ")).toEqual(expect.arrayContaining(["checkout=express", "forced_one=v", "e0=v", "e61=v"]));
    expect(kept.split(" ")).not.toContain("e62=v");
    expect(rejected).toEqual({ over_limit: 6 });
  });

  test("RJ-08 over_limit, what is more than 4096 bytes of own members", async () => {
    const long = "v".repeat(64);
    const many = Array.from({ length: 60 }, (_, i) => `experiment.e${10 + i}.variant=${long}`);
    const { status, kept, rejected } = await receive([many.join(",")]);
    const each = "experiment.e10.variant=".length + long.length + 1;
    const room = Math.floor((4096 + 1) / each);
    expect(status).toBe(200);
    expect(kept.split(" ")).toHaveLength(room);
    expect(rejected).toEqual({ over_limit: 60 - room });
  });

  test("RJ-09 each reason at once, over several lines, beside members of others", async () => {
    const received = await receive(
      [
        "user=1,experiment.checkout.variant=express;ttl=5,experiment.checkout.id=another",
        "experiment%2Esearch.variant=x, experiment.pricing.variant=high",
        "experiment.basket.id=b,,;=,experiment.search.variant=a b,theme=%ZZ",
        GOOD,
      ],
      { unknown: "drop" },
    );
    expect(received).toEqual({
      status: 200,
      kept: "checkout=express search=semantic",
      rejected: { id_mismatch: 1, encoded_key: 1, unknown: 1, orphan: 1, malformed: 1 },
    });
  });

  test("RJ-10 nothing where there is nothing of ours, however malformed", async () => {
    for (const line of [
      "user=1",
      ",,,",
      "a=%ZZ,=,;",
      "my.experiment.checkout.variant=express",
      "experimental.a.variant=b",
    ]) {
      expect(await receive([line])).toEqual({ status: 200, kept: "", rejected: {} });
    }
  });
});

test("RJ-11 no value that a caller sends becomes an attribute of the counter", async () => {
  for (let i = 0; i < 20; i++) {
    await receive([`experiment.x${i}.colour=red${i},experiment%2Ey${i}=1,experiment.z${i}.id=${i}`]);
  }
  expect(await measuring.attributes(REJECTIONS)).toEqual([
    { reason: "encoded_key" },
    { reason: "malformed" },
    { reason: "orphan" },
  ]);
});

test("RJ-12 an instance that is mounted twice counts once", async () => {
  const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true });
  const server = await nodeHarness.serve({
    mount: [experiments, experiments],
    handler: ({ reply }) => reply(200, "ok"),
  });
  await exchangeRaw({ port: server.port, host: "127.0.0.1" }, ["baggage: experiment.checkout.id=x"]);
  await server.close();
  await experiments.close();
  expect(await measuring.sums(REJECTIONS, "reason")).toEqual({ orphan: 1 });
});

test("RJ-13 over_limit counts members, as the counter's unit says", async () => {
  const members = Array.from({ length: 66 }, (_, i) => `experiment.e${i}.variant=v,experiment.e${i}.id=i`);
  const { rejected } = await receive([members.join(",")]);
  expect(rejected).toEqual({ over_limit: 4 });
});
