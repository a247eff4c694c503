import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type ServerResponse } from "node:http";
import { SpanKind } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { createExperiments } from "otel-experiments";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { awaitedSpans, tagClientSpan } from "../../src/outbound/awaited-client-spans.ts";
import { getScope } from "../../src/scope/holder.ts";
import type { RequestScope } from "../../src/scope/request-scope.ts";
import { send } from "../../testing/wire/client.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { type Undici, undiciMajors } from "../support/clients/undici-majors.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { requireExpress } from "../support/frameworks/required.ts";
import { startListening } from "../support/listening.ts";
import { startTracing } from "../support/tracing.ts";

const REQUESTS = 60;
const CREATED = "undici:request:create";

const tracing = startTracing([new HttpInstrumentation(), new UndiciInstrumentation()], undefined, [
  new ExperimentSpanProcessor(),
]);
const harness = expressHarness("Express", requireExpress());

beforeEach(() => tracing.clear());
afterAll(() => tracing.stop());

/** What stands for the channel's subscriber that knows whose request it is. */
let told: ((message: unknown) => void) | undefined;
afterEach(() => {
  if (told !== undefined) unsubscribe(CREATED, told);
  told = undefined;
});

/** Requests of six variants, each of which calls a service through one pool of two connections. */
async function callThroughPool(
  undici: Undici,
  scopes: Map<string, RequestScope>,
): Promise<readonly { readonly asked: string; readonly written: string }[]> {
  const downstream = await startWireServer();
  const pool = new undici.Pool(downstream.origin, { connections: 2 });
  const experiments = createExperiments({ trustInbound: true });
  const server = await harness.serve({
    mount: [experiments],
    async handler({ request, reply }) {
      const scope = getScope(request);
      const path = request.url ?? "/";
      if (scope !== undefined) scopes.set(path, scope);
      await new Promise((resolve) => setImmediate(resolve));
      const { body } = await pool.request({ path, method: "GET" });
      await body.text();
      reply(200, "ok");
    },
  });
  await Promise.all(
    Array.from({ length: REQUESTS }, (_, i) =>
      send(server.port, { path: `/${i}`, lines: [`baggage: experiment.checkout.variant=v${i % 6}`] }),
    ),
  );
  await tracing.serverSpans(REQUESTS);
  await server.close();
  await pool.close();
  await downstream.close();
  await experiments.close();
  const clients = tracing.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
  return clients.map(({ attributes }) => {
    const { "url.path": path = "", "experiment.variant": written = "nothing" } = attributes;
    return { asked: `v${Number(String(path).slice(1)) % 6}`, written: String(written) };
  });
}

describe.each(undiciMajors)(
  "the CLIENT spans of instrumentation-undici, $name on a pool of two connections",
  ({ undici }) => {
    test("CLS-01 never have another request's variant, where nobody says whose they are", async () => {
      const spans = await callThroughPool(undici, new Map());
      expect(spans).toHaveLength(REQUESTS);
      expect(spans.filter(({ asked, written }) => written !== "nothing" && written !== asked)).toEqual([]);
      expect(awaitedSpans().size).toBe(0);
    });

    test("CLS-02 have their own request's where the channel says whose they are", async () => {
      const scopes = new Map<string, RequestScope>();
      told = (message) => {
        // why: what undici publishes
        const { request } = message as { readonly request: { readonly path: string; readonly headers: string[] } };
        const traceparent = request.headers[request.headers.indexOf("traceparent") + 1] ?? "";
        const scope = scopes.get(request.path);
        if (scope !== undefined) tagClientSpan(traceparent.split("-")[2] ?? "", scope);
      };
      subscribe(CREATED, told);
      const spans = await callThroughPool(undici, scopes);
      expect(spans).toHaveLength(REQUESTS);
      expect(spans.filter(({ asked, written }) => written !== asked)).toEqual([]);
      expect(awaitedSpans().size).toBe(0);
    });
  },
);

describe("spans that wait for somebody who knows", () => {
  test("CLS-04 are told once: who sends a call's trace context back cannot say anew whose the call is", async () => {
    const seen = Promise.withResolvers<string>();
    const downstream = createServer((request, response) => {
      // The first one is answered when the second one has come, which brings the trace context of the first.
      if (request.url === "/first") {
        held.resolve(response);
        seen.resolve(String(request.headers["traceparent"]));
      } else void held.promise.then((first) => [first, response].map((each) => each.end()));
    });
    const held = Promise.withResolvers<ServerResponse>();
    const origin = `http://127.0.0.1:${await startListening(downstream)}`;
    const experiments = createExperiments({ trustInbound: true });
    const server = await harness.serve({
      mount: [experiments],
      async handler({ request, reply }) {
        const path = request.url ?? "/";
        const headers: Record<string, string> = path === "/first" ? {} : { traceparent: await seen.promise };
        await (await fetch(`${origin}${path}`, { headers })).text();
        reply(200, "ok");
      },
    });
    await Promise.all(
      ["first", "second"].map((name) =>
        send(server.port, { path: `/${name}`, lines: [`baggage: experiment.checkout.variant=${name}`] }),
      ),
    );
    await tracing.serverSpans(2);
    await server.close();
    await experiments.close();
    downstream.close();
    const clients = tracing.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(
      clients.map(({ attributes }) => [attributes["url.path"], attributes["experiment.variant"]].join(" ")).toSorted(),
    ).toEqual(["/first first", "/second second"]);
  });

  test("CLS-03 are bounded: of more than 4096 under way the oldest go without", () => {
    const processor = new ExperimentSpanProcessor();
    const spans = Array.from({ length: 5000 }, (_, i) => waitingSpan(i));
    for (const span of spans) processor.onStart(span, EMPTY);
    expect(awaitedSpans().size).toBe(4096);
    for (const span of spans) processor.onEnd(span);
    expect(awaitedSpans().size).toBe(0);
    expect(() => tagClientSpan("f".repeat(16), {} as RequestScope)).not.toThrow(); // why: nobody looks at it
  });
});

const EMPTY = { getValue: () => undefined, setValue: () => EMPTY, deleteValue: () => EMPTY };

function waitingSpan(i: number) {
  const spanId = i.toString(16).padStart(16, "0");
  return {
    kind: SpanKind.CLIENT,
    attributes: {},
    instrumentationScope: { name: "@opentelemetry/instrumentation-undici" },
    spanContext: () => ({ traceId: "1".repeat(32), spanId, traceFlags: 1 }),
  };
}
