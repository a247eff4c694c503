import type * as Http from "node:http";
import { createRequire } from "node:module";
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { integer, oneOf } from "otel-experiments/fields";
import { nodeExperiments } from "otel-experiments/node";
import { ExperimentPropagator } from "otel-experiments/sdk";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, interceptors, fetch as undiciFetch, request as undiciRequest } from "undici";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { startScopedService } from "../../testing/outbound/scoped-service.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { hidingMembers, hidingNames } from "../support/hiding-keys.ts";
import { startTracing } from "../support/tracing.ts";

// OpenTelemetry's propagator would send whatever its context has, and callers write headers by hand.

const tracing = startTracing([new HttpInstrumentation(), new UndiciInstrumentation()]);
// why: the module of Node under the name that it has for it; the instrumentation patches what is required
const http = createRequire(import.meta.url)("node:http") as typeof Http;

const allowed = await startWireServer();
const refused = await startWireServer();
const redirecting = await startWireServer(() => ({ status: 302, lines: [`location: ${refused.origin}/after`] }));
const experiments = createExperiments({
  fields: { user_tier: oneOf("free", "premium"), item_count: integer({ max: 99 }) },
  trustInbound: false,
  propagateTo: [allowed.origin, redirecting.origin],
});
const service = await startScopedService((listener) => nodeExperiments(experiments, listener), http.createServer);
const ours = experimentFetch(experiments);
const agent = new Agent().compose(experimentInterceptor(experiments), interceptors.redirect({ maxRedirections: 2 }));

/** A stranger's, and what OpenTelemetry makes of it where it is not stopped. */
const EVIL = `tenant=7,user_tier=EVIL,user%5Ftier=EVIL, item_count =66;p=1,user_tier,${hidingMembers(hidingNames("user_tier"))}`;

beforeEach(() => {
  for (const server of [allowed, refused, redirecting]) server.clear();
});

afterAll(async () => {
  await agent.close();
  await service.close();
  await experiments.close();
  for (const server of [allowed, refused, redirecting]) await server.close();
  await tracing.stop();
});

type Send = (url: string) => Promise<unknown>;

const drained = async (response: { text(): Promise<string> }): Promise<string> => response.text();

const WRAPPED: readonly (readonly [string, Send])[] = [
  ["experimentFetch", async (url) => drained(await ours(url))],
  ["experimentFetch with a header by hand", async (url) => drained(await ours(url, { headers: { baggage: EVIL } }))],
  ["experimentInterceptor", async (url) => drained((await undiciRequest(url, { dispatcher: agent })).body)],
  [
    "experimentInterceptor with a header by hand",
    async (url) => drained((await undiciRequest(url, { dispatcher: agent, headers: { baggage: EVIL } })).body),
  ],
];

const OTHERS: readonly (readonly [string, Send])[] = [
  ["the built-in fetch", async (url) => drained(await fetch(url, { headers: { baggage: EVIL } }))],
  ["undici's fetch", async (url) => drained(await undiciFetch(url, { headers: { baggage: EVIL } }))],
  [
    "node:http",
    (url) =>
      new Promise((resolve, reject) => {
        const request = http.get(url, { headers: { baggage: EVIL } }, (response) =>
          response.resume().on("end", resolve),
        );
        request.on("error", reject);
      }),
  ],
];

/** Calls within a request that came with a stranger's baggage, in a context that has it too. */
function call(send: Send, url: string): Promise<unknown> {
  return service.serve([`baggage: ${EVIL}`], () => {
    experiments.fields.set("user_tier", "premium");
    const stranger = propagation.extract(ROOT_CONTEXT, { baggage: EVIL });
    return context.with(stranger, () => send(url));
  });
}

/** What arrived, as keys and values in the order of the wire. */
const arrived = (server: typeof allowed): readonly string[] =>
  server.requests.flatMap(({ lines }) => headerValues(lines, "baggage").flatMap((line) => line.split(",")));

const withoutSpace = (members: readonly string[]): readonly string[] => members.map((member) => member.trim());

describe.each(WRAPPED)("%s", (_name, send) => {
  test("FLE-01 takes the scope's fields to a destination that is allowed, one line, and nobody else's", async () => {
    await call(send, `${allowed.origin}/x`);
    expect(allowed.requests).toHaveLength(1);
    expect(allowed.baggage()[0]).toHaveLength(1);
    expect(withoutSpace(arrived(allowed))).toEqual(["tenant=7", "user_tier=premium"]);
  });

  test("FLE-02 takes none to a destination that is not, nor behind a redirect to it", async () => {
    await call(send, `${refused.origin}/x`);
    await call(send, `${redirecting.origin}/x`);
    expect(refused.requests).toHaveLength(2);
    expect(new Set(withoutSpace(arrived(refused)))).toEqual(new Set(["tenant=7"]));
    expect(withoutSpace(arrived(redirecting))).toEqual(["tenant=7", "user_tier=premium"]);
  });
});

describe.each(OTHERS)("%s", (_name, send) => {
  test.each([
    ["is allowed", allowed],
    ["is not allowed", refused],
  ])("FLE-03 is stopped from taking anybody's fields to a destination that %s", async (_which, server) => {
    await call(send, `${server.origin}/x`);
    expect(server.requests).toHaveLength(1);
    expect(new Set(withoutSpace(arrived(server)))).toEqual(new Set(["tenant=7"]));
  });
});

test("FLE-04 the propagator for other carriers writes the scope's fields, and no stranger's", async () => {
  const propagator = new ExperimentPropagator();
  const carrier: Record<string, string> = {};
  await service.serve([`baggage: ${EVIL}`], async () => {
    experiments.fields.set("item_count", 3);
    propagator.inject(context.active(), carrier, { set: (target, name, value) => void (target[name] = value) });
  });
  expect(carrier).toEqual({ baggage: "tenant=7,item_count=3" });
});
