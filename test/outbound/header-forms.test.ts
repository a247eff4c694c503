import diagnosticsChannel from "node:diagnostics_channel";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { rawHandler } from "../support/clients/raw-handler.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ primary: "checkout", propagateTo: [allowed.origin] });
afterEach(() => allowed.clear());
afterAll(async () => {
  await close();
  await allowed.close();
});

/** What the channel publishes. */
interface UndiciRequest {
  readonly headers: string[];
  addHeader(name: string, value: string): unknown;
}

function requestOf(message: unknown): UndiciRequest {
  // why: the channel's contract
  return (message as { readonly request: UndiciRequest }).request;
}

describe.each(undiciMajors)("$name", ({ name, major, undici }) => {
  test("OUT-S1 the interceptor keeps each of several headers of one name in an iterable", async () => {
    const agent = new undici.Agent();
    const dispatcher = agent.compose(experimentInterceptor(experiments));
    const pairs = new Set([
      ["x-a", "1"],
      ["x-a", "2"],
      ["baggage", "a=1"],
      ["baggage", "b=2"],
    ]);
    // why: undici takes iterables of pairs, which its types know by other names
    const headers = pairs as unknown as Record<string, string>;
    await serve(own("express"), async () =>
      (await undici.request(allowed.origin, { dispatcher, headers })).body.dump(),
    );
    await agent.close();
    expect(headerValues(allowed.requests[0]?.lines ?? [], "x-a")).toEqual(["1", "2"]);
    expect(arrivals(allowed)).toEqual([[`a=1,b=2,${own("express")}`]]);
  });

  test("OUT-S9 a handler may be frozen", async () => {
    const dispatcher = new undici.Agent();
    const composed = dispatcher.compose(experimentInterceptor(experiments));
    await serve(own("express"), async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const handler = Object.freeze(rawHandler({ name, major, undici }, { onEnd: resolve, onError: reject }));
      composed.dispatch({ origin: allowed.origin, path: "/", method: "GET" }, handler);
      await promise;
    });
    await dispatcher.close();
    expect(arrivals(allowed)).toEqual([[own("express")]]);
  });

  test("OUT-S2 baggage that another subscriber pushes behind us is kept when more is added", async () => {
    const push = (message: unknown): void => {
      requestOf(message).headers.push("baggage", `vendor=1,${own("x")}`);
    };
    const add = (message: unknown): void => {
      requestOf(message).addHeader("baggage", "tenant=7");
    };
    const agent = new undici.Agent();
    for (const each of [push, add]) diagnosticsChannel.subscribe("undici:request:create", each);
    await (await undici.request(allowed.origin, { dispatcher: agent, headers: { baggage: "user=1" } })).body.dump();
    for (const each of [push, add]) diagnosticsChannel.unsubscribe("undici:request:create", each);
    await agent.close();
    expect(arrivals(allowed)).toEqual([["user=1,vendor=1,tenant=7"]]);
  });
});

describe.each(undiciMajors.filter(({ undici }) => "cache" in undici.interceptors))("$name", ({ undici }) => {
  test("OUT-S3 a cache in front honours Vary: baggage", async () => {
    const caching = await startWireServer(({ lines }) => ({
      lines: ["cache-control: max-age=100", "vary: baggage"],
      body: headerValues(lines, "baggage").join(),
    }));
    const {
      experiments: others,
      serve: serveOthers,
      close: closeOthers,
    } = await openStage({ propagateTo: [caching.origin] });
    const agent = new undici.Agent();
    const dispatcher = agent.compose(undici.interceptors.cache(), experimentInterceptor(others));
    const bodies: string[] = [];
    for (const variant of ["express", "control"]) {
      await serveOthers(own(variant), async () =>
        bodies.push(await (await undici.request(caching.origin, { dispatcher })).body.text()),
      );
    }
    await agent.close();
    await closeOthers();
    await caching.close();
    expect(bodies).toEqual([own("express"), own("control")]);
  });
});

test("OUT-S6 an init that is a Request keeps its method and its body", async () => {
  const init = new Request("http://nowhere.test/", { method: "PUT", body: "text" });
  await serve(own("express"), () => experimentFetch(experiments)(allowed.origin, init));
  expect(allowed.requests.map(({ start, body }) => [start.split(" ")[0], body])).toEqual([["PUT", "text"]]);
  expect(arrivals(allowed)).toEqual([[own("express")]]);
});

test("OUT-S7 a stream without duplex is refused, as by the fetch that is wrapped", async () => {
  const init = (): RequestInit => ({ method: "POST", body: new Blob(["text"]).stream() });
  const refusal = await fetch(allowed.origin, init()).catch(String);
  let refusalInScope: unknown;
  await serve(own("express"), async () => {
    refusalInScope = await experimentFetch(experiments)(allowed.origin, init()).catch(String);
  });
  expect(refusal).toMatch(/duplex/);
  expect(refusalInScope).toBe(refusal);
});
