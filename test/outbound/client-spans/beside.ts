import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import type { ExperimentsHandle } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor, ignoreExperimentRequests } from "otel-experiments/undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { otherClientSpans } from "../../../src/outbound/client-call.ts";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { recordDiag } from "../../support/diag.ts";
import { go, openStage, own, type Stage, startRedirectingServer } from "../../support/service-stage.ts";
import { startClientTelemetry, traceparentOf, traceparents } from "./client-telemetry.ts";

const OURS = "otel-experiments";
const THEIRS = "@opentelemetry/instrumentation-undici";

const telemetry = startClientTelemetry();
const diag = recordDiag();
const server = await startRedirectingServer();
const redirected = `${server.origin}${go(307, `${server.origin}/there`)}`;

const gone = await startRedirectingServer();
await gone.close();

afterAll(() => server.close());

/** A client; without experiments it is made as if we did not exist. */
interface Client {
  readonly name: string;
  open(experiments: ExperimentsHandle | undefined): (url: string) => Promise<unknown>;
}

const clients: readonly Client[] = [
  {
    name: "the built-in fetch",
    open(experiments) {
      const fetchOnce = experiments === undefined ? fetch : experimentFetch(experiments, { spans: true });
      return async (url) => (await fetchOnce(url)).text();
    },
  },
  ...undiciMajors.flatMap(({ name, undici }): readonly Client[] => {
    const redirect = undici.interceptors.redirect({ maxRedirections: 3 });
    const request = (dispatcher: InstanceType<typeof undici.Agent>) => async (url: string) =>
      (await undici.request(url, { dispatcher })).body.dump();
    return [
      {
        name: `${name} fetch`,
        open(experiments) {
          // why: undici's types of fetch are its own, and nearly those of the built-in one
          const inner = undici.fetch as unknown as typeof fetch;
          const fetchOnce = experiments === undefined ? inner : experimentFetch(experiments, inner, { spans: true });
          return async (url) => (await fetchOnce(url)).text();
        },
      },
      {
        name: `${name} request, outside of redirect`,
        open: (experiments) =>
          request(
            new undici.Agent().compose([
              redirect,
              ...(experiments === undefined ? [] : [experimentInterceptor(experiments, { spans: true })]),
              // why: what compose gives has everything of an Agent that is used here
            ]) as InstanceType<typeof undici.Agent>,
          ),
      },
      {
        name: `${name} request, inside of redirect`,
        open: (experiments) =>
          request(
            new undici.Agent().compose([
              ...(experiments === undefined ? [] : [experimentInterceptor(experiments, { spans: true })]),
              redirect,
              // why: as above
            ]) as InstanceType<typeof undici.Agent>,
          ),
      },
    ];
  }),
];

/** Everything that one call, in a request with a variant, leaves behind. */
async function observe(stage: Stage, get: (url: string) => Promise<unknown>, url: string) {
  server.clear();
  telemetry.exporter.reset();
  await telemetry.durations();
  await stage.serve(own("express"), () => telemetry.within("call", () => get(url).catch(() => undefined)));
  const spans = await telemetry.ended(url === redirected ? 2 : 1);
  // Whoever else might make a span has the time to end it.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  const call = telemetry.exporter.getFinishedSpans().find(({ name }) => name === "call");
  const durations = await telemetry.durations();
  return {
    scopes: telemetry.clients().map(({ instrumentationScope }) => instrumentationScope.name),
    underCall: spans.every(({ parentSpanContext }) => parentSpanContext?.spanId === call?.spanContext().spanId),
    own: traceparents(server.requests).map((lines, hop) => lines.map((line) => line === ownOf(spans[hop]))),
    durations: durations.reduce((sum, { count }) => sum + count, 0),
    withVariant: durations.filter(({ attributes }) => attributes["experiment.variant"] === "express").length > 0,
    attributes: durations.map(({ attributes }) => attributes),
    baggage: server.baggage(),
  };
}

function ownOf(span: ReturnType<typeof telemetry.clients>[number] | undefined): string {
  return span === undefined ? "none" : traceparentOf(span);
}

/** Our clients beside UndiciInstrumentation, first with our hook and then without it. */
export function defineBeside(order: "before us" | "after us"): void {
  describe.each([true, false])(`beside UndiciInstrumentation, ${order}, its hook ours: %s`, (hook) => {
    let stage: Stage;
    let instrumentation: UndiciInstrumentation;

    beforeAll(async () => {
      otherClientSpans().areMade = false;
      diag.take();
      const config = hook ? { ignoreRequestHook: ignoreExperimentRequests } : {};
      if (order === "before us") instrumentation = new UndiciInstrumentation(config);
      stage = await openStage({ propagateTo: [server.origin] });
      if (order === "after us") instrumentation = new UndiciInstrumentation(config);
    });

    afterAll(async () => {
      instrumentation.disable();
      await stage.close();
    });

    test.each(clients)(
      "CS-30 $name: one span and one duration for each request, whoever makes them",
      async ({ open }) => {
        const get = open(stage.experiments);
        for (const url of [`${server.origin}/x`, redirected]) {
          const hops = url === redirected ? 2 : 1;
          const { attributes: _, underCall, ...seen } = await observe(stage, get, url);
          expect(seen).toEqual({
            scopes: Array.from({ length: hops }, () => (hook ? OURS : THEIRS)),
            own: Array.from({ length: hops }, () => [true]),
            durations: hops,
            withVariant: hook,
            baggage: Array.from({ length: hops }, () => [own("express")]),
          });
          // Theirs is under whichever span is active where undici makes the request.
          expect(underCall || !hook).toBe(true);
        }
      },
    );

    test.each(clients)("CS-31 $name: one that is not wrapped has their span", async ({ open }) => {
      const { scopes, own: lines, durations } = await observe(stage, open(undefined), redirected);
      expect({ scopes, lines, durations }).toEqual({
        scopes: [THEIRS, THEIRS],
        lines: [[true], [true]],
        durations: 2,
      });
    });

    test("CS-32 it is said once who makes the spans, and how to have it otherwise", () => {
      const lines = diag.take().filter((line) => line.includes("instrumentation makes spans"));
      expect(lines.filter((line) => line.includes("ignoreRequestHook: ignoreExperimentRequests"))).toEqual(lines);
      expect(lines).toHaveLength(hook ? 0 : 1);
      expect(otherClientSpans().areMade).toBe(!hook);
    });
  });

  describe("what is measured beside what UndiciInstrumentation measures", () => {
    let stage: Stage;
    let instrumentation: UndiciInstrumentation;

    beforeAll(async () => {
      otherClientSpans().areMade = false;
      stage = await openStage({ propagateTo: [server.origin] });
      instrumentation = new UndiciInstrumentation({ ignoreRequestHook: ignoreExperimentRequests });
    });

    afterAll(async () => {
      instrumentation.disable();
      await stage.close();
    });

    test.each(clients)(
      "CS-33 $name: the same, without what is not required, and with the variant",
      async ({ open }) => {
        for (const url of [
          `${server.origin}/x`,
          `${server.origin}/go/404/x`,
          `${server.origin}/go/500/x`,
          gone.origin,
        ]) {
          const theirs = await observe(stage, open(undefined), url);
          const ours = await observe(stage, open(stage.experiments), url);
          expect(theirs.attributes).toHaveLength(1);
          const [{ "url.scheme": _scheme, "network.protocol.version": _version, ...required } = {}] = theirs.attributes;
          expect(ours.attributes).toEqual([
            { ...required, "experiment.id": "checkout_1", "experiment.variant": "express" },
          ]);
        }
      },
    );
  });
}
