import http from "node:http";
import { context, metrics, propagation } from "@opentelemetry/api";
import { createExperiments, type Experiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import type { InboundHarness } from "otel-experiments/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startWireServer, type WireServer } from "../../../testing/wire/server.ts";
import { startPoints } from "../../support/points.ts";
import { exchangeRaw } from "../../support/raw-exchange.ts";
import { experimentAttributes, isServerSpan, type Tracing } from "../../support/tracing.ts";

const REGISTRY = {
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "evil"] },
} as const;

/** What a stranger may try, beside a member that is nobody's business of ours. Each character is one byte. */
const ATTEMPTS = [
  { title: "members as they are", lines: ["user=1,experiment.checkout.variant=evil,experiment.checkout.id=evil"] },
  { title: "a forced variant", lines: ["experiment.checkout.variant=evil,experiment.checkout.forced=1,user=1"] },
  { title: "an encoded dot", lines: ["user=1,experiment%2Echeckout.variant=evil"] },
  { title: "encoded dots in lower case", lines: ["experiment%2echeckout%2evariant=evil,user=1"] },
  { title: "an encoded letter", lines: ["user=1,%65xperiment.checkout.variant=evil"] },
  { title: "a key that is encoded whole", lines: [`user=1,${encodeAll("experiment.checkout.variant")}=evil`] },
  { title: "a byte that only JavaScript trims", lines: ["user=1,\u00a0experiment.checkout.variant=evil"] },
  { title: "such a byte and an encoded dot", lines: ["user=1,\u00a0experiment%2Echeckout.variant=evil"] },
  { title: "white space around the key", lines: ["user=1, \t experiment.checkout.variant \t = evil"] },
  { title: "several lines", lines: ["user=1", "experiment.checkout.variant=evil", "experiment%2Echeckout.id=evil"] },
  { title: "properties", lines: ["user=1;experiment.checkout.variant=evil,experiment.checkout.variant=evil;ttl=1"] },
  { title: "a key twice", lines: ["user=1,experiment.checkout.variant=control,experiment.checkout.variant=evil"] },
  { title: "encoded white space", lines: ["user=1,%20experiment.checkout.variant=evil"] },
  { title: "the byte, encoded", lines: ["user=1,%C2%A0experiment.checkout.variant=evil"] },
  { title: "the byte and its first one", lines: ["user=1,\u00c2\u00a0experiment.checkout.variant=evil"] },
  { title: "a key that is encoded twice", lines: ["user=1,experiment%252Echeckout.variant=evil"] },
  { title: "a plus sign", lines: ["user=1,+experiment.checkout.variant=evil,experiment.checkout.forced+=1"] },
  { title: "an encoded control character", lines: ["user=1,%1Cexperiment.checkout.variant=evil"] },
  { title: "an encoded next line", lines: ["user=1,%C2%85experiment.checkout.variant=evil"] },
  { title: "an encoded byte that is no UTF-8", lines: ["user=1,%A0experiment.checkout.variant=evil"] },
  { title: "all of these", lines: ["user=1,%2509+%25C2%2585%65xperiment.checkout.variant%2520=evil"] },
  // These are nobody's but the sender's, so they are not counted; they must not become ours on the way either.
  { title: "a list in a value", lines: ["user=1,other=a%2Cexperiment.checkout.variant%3Devil"], counted: false },
  { title: "a property alone", lines: ["user=1;experiment.checkout.variant=evil"], counted: false },
] as const;

function encodeAll(text: string): string {
  return Buffer.from(text).toString("hex").replace(/../g, "%$&");
}

function baggage(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `baggage: ${line}`);
}

/** Whether a reader of any language would take a member for ours, however often it decodes and trims its key. */
function isOwn(member: string): boolean {
  let bytes = (member.split(/[=;]/)[0] ?? "").replaceAll("+", " ");
  for (let i = 0; i < 4; i++) bytes = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => byteOf(hex));
  const key = Buffer.from(bytes, "latin1").toString("utf8");
  return /^[\p{White_Space}\p{C}\ufffd]*experiment\./u.test(key);
}

function byteOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** Every way in which a handler may call on. */
const clients: Readonly<Record<string, (origin: string, experiments: Experiments<typeof REGISTRY>) => Promise<void>>> =
  {
    "the built-in fetch": async (origin) => {
      await (await fetch(origin)).text();
    },
    "experimentFetch to an allowed destination": async (origin, experiments) => {
      await (await experimentFetch(experiments)(origin)).text();
    },
    "node:http": (origin) =>
      new Promise((resolve, reject) => {
        http.get(origin, (response) => response.resume().on("end", resolve)).on("error", reject);
      }),
  };

/** A stranger's members change nothing, whatever of OpenTelemetry's is on. */
export function describeStrangers(tracing: Tracing, harnesses: readonly InboundHarness[]): void {
  let downstream: WireServer;

  beforeAll(async () => {
    downstream = await startWireServer();
  });

  beforeEach(() => {
    tracing.clear();
    downstream.clear();
  });

  afterAll(async () => {
    await downstream.close();
    await tracing.stop();
  });

  describe.each(harnesses)("a stranger's members, on $name", (harness) => {
    /** Serves one request of a stranger's, whose handler asks for everything and calls on by every client. */
    async function serveStranger(lines: readonly string[], record?: "control") {
      const measuring = startPoints();
      const experiments = createExperiments({ experiments: REGISTRY, propagateTo: [downstream.origin], strict: false });
      const meter = experiments.meter("shop");
      const seen: unknown[] = [];
      const server = await harness.serve({
        mount: [experiments],
        async handler({ request, reply }) {
          if (record !== undefined) experiments.record("checkout", record);
          seen.push(...experiments.current().assignments, ...experiments.of(request).assignments);
          meter.createCounter("shop.orders").add(1);
          for (const call of Object.values(clients)) await call(downstream.origin, experiments);
          reply(200, "ok");
        },
      });
      const { status } = await exchangeRaw({ port: server.port, host: "127.0.0.1" }, lines);
      await tracing.serverSpans(1);
      await server.close();
      await experiments.close();
      const measured = await measuring.attributes("shop.orders");
      const rejected = await measuring.sums("experiment.baggage.rejections", "reason");
      metrics.disable();
      return { status, seen, measured, rejected };
    }

    test.each(ATTEMPTS)(
      "TS-01 $title: are in no scope, on no span, in no measurement, and go nowhere",
      async ({ lines, ...attempt }) => {
        const { status, seen, measured, rejected } = await serveStranger(baggage(lines));
        expect({ status, seen, measured }).toEqual({
          status: 200,
          seen: [],
          measured: [{ "experiment.variant": "none" }],
        });
        const attributes = tracing.spans().map((span) => experimentAttributes(span.attributes));
        expect(attributes.filter((found) => Object.keys(found).length > 0)).toEqual([]);
        const members = downstream
          .baggage()
          .flat()
          .flatMap((line) => line.split(","));
        expect(downstream.baggage().map((received) => received.join().includes("user=1"))).toEqual([true, true, true]);
        expect(members.filter(isOwn)).toEqual([]);
        expect(Object.keys(rejected).length > 0).toBe(!("counted" in attempt));
      },
    );

    test("TS-02 give way to what the service decides itself, which goes where it may", async () => {
      const { seen, measured } = await serveStranger(
        baggage(["user=1,experiment.checkout.variant=evil,experiment%2Echeckout.id=evil"]),
        "control",
      );
      const control = { key: "checkout", id: "checkout_redesign_2026q1", variant: "control", forced: false };
      expect(seen).toMatchObject([control, control]);
      expect(measured).toEqual([{ "experiment.id": "checkout_redesign_2026q1", "experiment.variant": "control" }]);
      const server = tracing.spans().find(isServerSpan);
      expect(experimentAttributes(server?.attributes ?? {})).toEqual({
        "experiment.checkout.id": "checkout_redesign_2026q1",
        "experiment.checkout.variant": "control",
        "experiment.id": "checkout_redesign_2026q1",
        "experiment.variant": "control",
      });
      const own = downstream.baggage().map((lines) => lines.join(",").split(",").filter(isOwn).join(","));
      const members = "experiment.checkout.variant=control,experiment.checkout.id=checkout_redesign_2026q1";
      expect(own.toSorted()).toEqual(["", "", members]);
    });
  });
}

/** What OpenTelemetry's propagator injects within a handler that serves a stranger. */
async function injectedFor(harness: InboundHarness, lines: readonly string[]): Promise<readonly string[]> {
  const experiments = createExperiments({ experiments: REGISTRY });
  const carrier: Record<string, string> = {};
  const server = await harness.serve({
    mount: [experiments],
    async handler({ reply }) {
      await new Promise((resolve) => setImmediate(resolve));
      propagation.inject(context.active(), carrier);
      reply(200, "ok");
    },
  });
  await exchangeRaw({ port: server.port, host: "127.0.0.1" }, baggage(lines));
  await server.close();
  await experiments.close();
  return (carrier["baggage"] ?? "").split(",");
}

/** Carriers that are no HTTP get what stands in OpenTelemetry's context. */
export function describeInjected(harnesses: readonly InboundHarness[], withOwnContext: InboundHarness): void {
  describe.each(harnesses)("OpenTelemetry's own baggage, on $name", (harness) => {
    test.each(ATTEMPTS)("TS-03 has lost what would be injected as ours: $title", async ({ lines }) => {
      const members = await injectedFor(harness, lines);
      expect(members.filter(isOwn)).toEqual([]);
      expect(members.join()).toContain("user=1");
    });
  });

  test("TS-04 loses it also where @fastify/otel runs before us, whose hooks enter its own context again", async () => {
    const members = await injectedFor(withOwnContext, ["user=1,experiment.checkout.variant=evil"]);
    expect(members).toEqual(["user=1"]);
  });
}
