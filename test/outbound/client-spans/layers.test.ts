import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../../testing/wire/server.ts";
import type { Interceptor } from "../../support/clients/undici.ts";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { openStage, own } from "../../support/service-stage.ts";
import { startClientTelemetry, traceparents } from "./client-telemetry.ts";

const telemetry = startClientTelemetry();
const allowed = await startWireServer();
const other = await startWireServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });

afterEach(() => {
  allowed.clear();
  other.clear();
  telemetry.exporter.reset();
});

afterAll(async () => {
  await close();
  await allowed.close();
  await other.close();
});

/** The user's own, whose handler shows nothing of the one that it wraps. */
const opaque: Interceptor = (dispatch) =>
  function dispatchOpaquely(options, handler) {
    const wrapped = new Proxy(
      {},
      {
        get(_target, name) {
          const member: unknown = Reflect.get(handler, name);
          return typeof member === "function" && typeof name === "string" ? member.bind(handler) : undefined;
        },
        has: (_target, name) => name !== "handler" && Reflect.has(handler, name),
      },
    );
    return dispatch(options, wrapped);
  };

/** A layer that holds requests back until it is opened; the next dispatch then lets go of all, in their order. */
function holding(): { readonly interceptor: Interceptor; open(): void; held(): number } {
  const queue: (() => void)[] = [];
  let isOpen = false;
  return {
    interceptor: (dispatch) =>
      function dispatchInOrder(options, handler) {
        queue.push(() => void dispatch(options, handler));
        if (isOpen) for (const next of queue.splice(0)) next();
        return true;
      },
    open: () => void (isOpen = true),
    held: () => queue.length,
  };
}

describe.each(undiciMajors)("$name: a layer lets go of another's request within the dispatch of one", ({ undici }) => {
  const ours: Interceptor = experimentInterceptor(experiments, { spans: true });

  test.each([
    { held: "a wrapped client's", wraps: true },
    { held: "another client's", wraps: false },
  ])("CS-83 $held has nothing of that one", async ({ wraps }) => {
    const layer = holding();
    const wrapped = new undici.Agent().compose([opaque, layer.interceptor, ours]);
    const unwrapped = new undici.Agent().compose([opaque, layer.interceptor]);
    const call = async (url: string, dispatcher: Dispatcher): Promise<void> =>
      (await undici.request(url, { dispatcher })).body.dump();
    const late = telemetry.within("late", () => call(`${allowed.origin}/late`, wraps ? wrapped : unwrapped));
    while (layer.held() === 0) await new Promise(setImmediate);
    layer.open();
    const now = serve(own("a"), () => telemetry.within("now", () => call(`${other.origin}/now`, wrapped)));
    await Promise.all([late, now]);
    await Promise.all([wrapped.close(), unwrapped.close()]);
    expect(allowed.requests.flatMap(({ lines }) => headerValues(lines, "baggage"))).toEqual([]);
    const traceOfNow = telemetry.exporter
      .getFinishedSpans()
      .find(({ name }) => name === "now")
      ?.spanContext().traceId;
    expect(
      traceparents(allowed.requests)
        .flat()
        .filter((line) => line.includes(traceOfNow ?? "none")),
    ).toEqual([]);
  });

  test("CS-84 a fetch with a dispatcher that cannot be changed is answered", async () => {
    const agent = new undici.Agent();
    const dispatcher = Object.freeze({ dispatch: agent.dispatch.bind(agent) });
    // why: undici's types of fetch are its own; it calls only `dispatch`
    const fetchOnce = experimentFetch(experiments, undici.fetch as unknown as typeof fetch, { spans: true });
    const init: object = { dispatcher };
    expect((await serve(own("a"), () => fetchOnce(allowed.origin, init))).status).toBe(200);
    await agent.close();
    expect(allowed.requests.flatMap(({ lines }) => headerValues(lines, "baggage"))).toEqual([own("a")]);
    expect(await telemetry.ended(1)).toHaveLength(1);
  });
});
