import { SamplingDecision } from "@opentelemetry/sdk-trace";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, expect, test } from "vitest";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { go, openStage, own, startRedirectingServer } from "../../support/service-stage.ts";
import { startClientTelemetry, traceparents } from "./client-telemetry.ts";

const asked: string[] = [];
const telemetry = startClientTelemetry({
  sampler: {
    shouldSample(_context, _traceId, name, _kind, attributes) {
      if (name === "GET") asked.push(String(attributes["url.full"]));
      return { decision: SamplingDecision.NOT_RECORD };
    },
    toString: () => "none",
  },
});
const server = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });

afterAll(async () => {
  await close();
  await server.close();
});

test("CS-82 unsampled requests pass their trace and their variant on, and are measured, as sampled ones do", async () => {
  const fetchWithSpans = experimentFetch(experiments, { spans: true });
  const url = `${server.origin}${go(307, `${server.origin}/there`)}`;
  await serve(own("express"), async () => {
    await (await fetchWithSpans(url)).text();
    for (const { undici } of undiciMajors) {
      const redirect = undici.interceptors.redirect({ maxRedirections: 2 });
      const dispatcher = new undici.Agent().compose(experimentInterceptor(experiments, { spans: true }), redirect);
      await (await undici.request(url, { dispatcher })).body.dump();
    }
  });
  const requests = 2 * (1 + undiciMajors.length);
  expect(server.baggage()).toEqual(Array.from({ length: requests }, () => [own("express")]));
  const lines = traceparents(server.requests);
  expect(lines).toEqual(
    Array.from({ length: requests }, () => [expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)]),
  );
  expect(new Set(lines.flat()).size).toBe(requests);
  // What a sampler decides by is there when it is asked.
  expect(asked).toHaveLength(requests);
  expect(asked.every((asking) => asking.startsWith(server.origin))).toBe(true);
  expect(telemetry.clients()).toEqual([]);
  const durations = await telemetry.durations();
  expect(durations.map(({ attributes }) => attributes["experiment.variant"])).toEqual(["express", "express"]);
  expect(durations.map(({ count }) => count)).toEqual([requests / 2, requests / 2]);
});
