import { createServer } from "node:http";
import { connect } from "node:net";
import {
  baggageEntryMetadataFromString,
  type Context,
  context,
  diag,
  propagation,
  SpanStatusCode,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { testHeaders } from "otel-experiments/testing";
import { experimentInterceptor, ignoreExperimentRequests } from "otel-experiments/undici";
import { Agent, type Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../../testing/wire/server.ts";
import { rawHandler } from "../../support/clients/raw-handler.ts";
import { type Undici, undiciMajors } from "../../support/clients/undici-majors.ts";
import { recordDiag } from "../../support/diag.ts";
import { listen } from "../../support/listening.ts";
import { openStage, own } from "../../support/service-stage.ts";
import { startClientTelemetry, traceparentOf, traceparents } from "./client-telemetry.ts";

const OTHERS = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: "vendor=1" };

/** A processor that throws on demand. */
const throwing = { onStart: false, onEnd: false };
const telemetry = startClientTelemetry({
  processors: [
    {
      onStart: () => {
        if (throwing.onStart) throw new Error("a processor's own, on start");
      },
      onEnd: () => {
        if (throwing.onEnd) throw new Error("a processor's own, on end");
      },
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    },
  ],
});
const server = await startWireServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
const fetchWithSpans = experimentFetch(experiments, { spans: true });

afterEach(() => {
  server.clear();
  telemetry.exporter.reset();
});

afterAll(async () => {
  await close();
  await server.close();
});

const intercepted = (undici: Undici, agent: Dispatcher = new undici.Agent()): Dispatcher =>
  agent.compose(experimentInterceptor(experiments, { spans: true }));

describe("what a CLIENT span says of its request", () => {
  test.each(undiciMajors)("CS-50 $name: a method that is none of HTTP's has the name HTTP", async ({ undici }) => {
    // why: undici sends any token, which its types do not know
    const method = "PURGE" as Dispatcher.HttpMethod;
    await (await undici.request(server.origin, { dispatcher: intercepted(undici), method })).body.dump();
    const [span] = await telemetry.ended(1);
    expect(span?.name).toBe("HTTP");
    expect(span?.attributes).toMatchObject({
      "http.request.method": "_OTHER",
      "http.request.method_original": "PURGE",
    });
    const durations = await telemetry.durations();
    expect(durations.map(({ attributes }) => attributes["http.request.method"])).toContain("_OTHER");
  });

  test("CS-51 what signs a URL is redacted, the rest of it stays", async () => {
    await (await fetchWithSpans(`${server.origin}/a%20b?sig=secret&x=%41&X-Amz-Signature=secret#part`)).text();
    const [span] = await telemetry.ended(1);
    expect(span?.attributes["url.full"]).toBe(`${server.origin}/a%20b?sig=REDACTED&x=%41&X-Amz-Signature=REDACTED`);
  });

  test.each(undiciMajors)("CS-52 $name: behind a proxy it is the target that counts", async ({ undici }) => {
    const forward = new undici.ProxyAgent({ uri: server.origin, proxyTunnel: false });
    const url = "http://user:password@shop.internal:8080/cart?sig=1";
    await intercepted(undici, forward)
      .request({ origin: "http://shop.internal:8080", path: "/cart?sig=1", method: "GET" })
      .then(({ body }) => body.dump());
    await intercepted(undici)
      .request({ origin: server.origin, path: url, method: "GET" })
      .then(({ body }) => body.dump());
    const spans = await telemetry.ended(2);
    await forward.close();
    expect(spans.map(({ attributes }) => [attributes["server.address"], attributes["server.port"]])).toEqual([
      ["shop.internal", 8080],
      ["shop.internal", 8080],
    ]);
    expect(spans.map(({ attributes }) => attributes["url.full"])).toEqual([
      "http://shop.internal:8080/cart?sig=REDACTED",
      "http://REDACTED:REDACTED@shop.internal:8080/cart?sig=REDACTED",
    ]);
  });

  test.each(undiciMajors)("CS-53 $name: a tunnel has none, what goes through it has one", async ({ undici }) => {
    const proxy = createServer().on("connect", (_request, socket) => {
      const upstream = connect(server.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(socket).pipe(upstream);
      });
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const tunnel = new undici.ProxyAgent({ uri: `http://127.0.0.1:${port}`, proxyTunnel: true });
    await (await undici.request(`${server.origin}/x`, { dispatcher: intercepted(undici, tunnel) })).body.dump();
    const spans = await telemetry.ended(1);
    await tunnel.destroy();
    proxy.close();
    expect(spans.map(({ attributes }) => attributes["url.full"])).toEqual([`${server.origin}/x`]);
  });

  test("CS-54 what was assigned while the request was under way is in the measurement", async () => {
    await telemetry.durations();
    const gate = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await gate.promise;
      return {};
    });
    await serve("", async () => {
      const answer = fetchWithSpans(slow.origin);
      await new Promise(setImmediate);
      experiments.record("checkout", "late");
      gate.resolve();
      await (await answer).text();
    });
    await telemetry.ended(1);
    await slow.close();
    const durations = await telemetry.durations();
    expect(durations.map(({ attributes }) => attributes["experiment.variant"])).toEqual(["late"]);
  });
});

describe("trace context on the wire", () => {
  test.each(undiciMajors)(
    "CS-55 $name: the caller's is replaced where it stands, in every form",
    async ({ undici }) => {
      const pairs = Object.entries({ "x-one": "1", ...OTHERS, "x-two": "2" });
      const forms: readonly unknown[] = [
        Object.fromEntries(pairs),
        pairs.flat(),
        new Map(pairs),
        new Map(pairs).entries(),
        {
          ...Object.fromEntries(pairs),
          Traceparent: [OTHERS.traceparent, ` ${OTHERS.traceparent}`],
          traceparent: undefined,
        },
      ];
      for (const headers of forms) {
        server.clear();
        telemetry.exporter.reset();
        // why: undici takes all of these forms, which its types know by other names
        const given = headers as Record<string, string>;
        await (await undici.request(server.origin, { dispatcher: intercepted(undici), headers: given })).body.dump();
        const [span] = await telemetry.ended(1);
        expect(traceparents(server.requests)).toEqual([[span === undefined ? "" : traceparentOf(span)]]);
        const names = server.requests.flatMap(({ lines }) =>
          lines.map((line) => line.split(":")[0]?.toLowerCase() ?? ""),
        );
        expect(names.filter((name) => name.startsWith("x-"))).toEqual(["x-one", "x-two"]);
        expect(names.filter((name) => name === "tracestate" || name.startsWith("otel"))).toEqual([]);
      }
    },
  );

  test("CS-56 a fetch keeps the order and the form of its headers, given in any way", async () => {
    const pairs: [string, string][] = [
      ["x-b", "1"],
      ["traceparent", OTHERS.traceparent],
      ["x-a", "2"],
    ];
    const undiciFetches = undiciMajors.map(({ undici }) => {
      // why: undici's types of fetch are its own, and nearly those of the built-in one
      const inner = undici.fetch as unknown as typeof fetch;
      return { fetchOnce: experimentFetch(experiments, inner, { spans: true }), Class: undici.Headers };
    });
    for (const { fetchOnce, Class } of [{ fetchOnce: fetchWithSpans, Class: Headers }, ...undiciFetches]) {
      for (const headers of [Object.fromEntries(pairs), pairs, new Map(pairs).entries(), new Class(pairs)]) {
        server.clear();
        telemetry.exporter.reset();
        // why: fetch takes all of these forms, which its types know by other names
        await (await fetchOnce(server.origin, { headers: headers as Record<string, string> })).text();
        const [span] = await telemetry.ended(1);
        const names = server.requests.flatMap(({ lines }) => lines.map((line) => line.split(":")[0] ?? ""));
        expect(names.filter((name) => /^(x-|traceparent)/.test(name))).toEqual(["x-b", "traceparent", "x-a"]);
        expect(traceparents(server.requests)).toEqual([[span === undefined ? "" : traceparentOf(span)]]);
      }
    }
  });

  test("CS-68 two of the caller's are one of ours, however a fetch joins them", async () => {
    const twice: [string, string][] = [
      ["traceparent", OTHERS.traceparent],
      ["Traceparent", ` ${OTHERS.traceparent} `],
      ["tracestate", "a=1 "],
      ["tracestate", "b=2"],
    ];
    for (const headers of [twice, new Headers(twice)]) {
      server.clear();
      telemetry.exporter.reset();
      await (await fetchWithSpans(server.origin, { headers })).text();
      const [span] = await telemetry.ended(1);
      expect(traceparents(server.requests)).toEqual([[span === undefined ? "" : traceparentOf(span)]]);
    }
  });

  test("CS-57 OpenTelemetry's baggage goes along in the one line, without own members that are not the scope's", async () => {
    const baggage = propagation.createBaggage({
      tenant: { value: "7" },
      "experiment.checkout.variant": { value: "forged" },
    });
    await serve(own("express"), () =>
      context.with(propagation.setBaggage(context.active(), baggage), async () =>
        (await fetchWithSpans(server.origin, { headers: { baggage: "user=1" } })).text(),
      ),
    );
    await telemetry.ended(1);
    expect(server.baggage()).toEqual([[`user=1,tenant=7,${own("express")}`]]);
  });

  test("CS-58 what cannot stand in a header stays away from it, and the request goes on", async () => {
    const metadata = baggageEntryMetadataFromString("p=1\r\nx-evil: 1");
    const baggage = propagation.createBaggage({ tenant: { value: "7", metadata } });
    await context.with(propagation.setBaggage(context.active(), baggage), async () =>
      (await fetchWithSpans(server.origin)).text(),
    );
    expect(await telemetry.ended(1)).toHaveLength(1);
    expect(server.requests.flatMap(({ lines }) => lines).filter((line) => line.includes("evil"))).toEqual([]);
  });

  test("CS-59 under suppressTracing there is no span, no header and no measurement, but the variant", async () => {
    await telemetry.durations();
    const dispatchers = undiciMajors.map(({ undici }) => ({ undici, dispatcher: intercepted(undici) }));
    await serve(own("express"), () =>
      context.with(suppressTracing(context.active()), async () => {
        await (await fetchWithSpans(server.origin)).text();
        for (const { undici, dispatcher } of dispatchers) {
          const headers = new Map([["x-one", "1"]]).entries();
          // why: as above
          const given = headers as unknown as Record<string, string>;
          await (await undici.request(server.origin, { dispatcher, headers: given })).body.dump();
        }
      }),
    );
    expect(server.baggage()).toEqual(Array.from({ length: 4 }, () => [own("express")]));
    expect(traceparents(server.requests).flat()).toEqual([]);
    expect(server.requests.flatMap(({ lines }) => headerValues(lines, "x-one"))).toEqual(["1", "1", "1"]);
    expect(telemetry.clients()).toEqual([]);
    expect(await telemetry.durations()).toEqual([]);
  });
});

describe("what others do wrong", () => {
  test.each(["onStart", "onEnd"] as const)(
    "CS-60 a span processor whose %s throws takes no request down",
    async (method) => {
      throwing[method] = true;
      try {
        const seen = recordDiag();
        await telemetry.durations();
        const response = await fetchWithSpans(server.origin);
        expect([response.status, await response.text()]).toEqual([200, ""]);
        for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
        expect((await telemetry.durations()).map(({ count }) => count)).toEqual([1]);
        expect(seen.take().filter((line) => line.includes("CLIENT span")).length).toBeLessThanOrEqual(1);
      } finally {
        throwing[method] = false;
        diag.disable();
      }
    },
  );

  test("CS-61 nor does a propagator that throws, or writes what is no header", async () => {
    const hostile = (
      inject: (active: Context, setter: TextMapSetter, carrier: unknown) => void,
    ): TextMapPropagator => ({
      inject: (active, carrier, setter) => inject(active, setter, carrier),
      extract: (active) => active,
      fields: () => ["traceparent"],
    });
    const usual = [
      hostile(() => {
        throw new Error("a propagator's own");
      }),
      hostile((_active, setter, carrier) => setter.set(carrier, "traceparent", "1\r\nx-evil: 1")),
      hostile((_active, setter, carrier) => setter.set(carrier, "no header", "1")),
    ];
    const { W3CTraceContextPropagator } = await import("@opentelemetry/core");
    for (const propagator of usual) {
      propagation.disable();
      propagation.setGlobalPropagator(propagator);
      expect((await fetchWithSpans(server.origin)).status).toBe(200);
    }
    propagation.disable();
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    expect(server.requests).toHaveLength(3);
    expect(server.requests.flatMap(({ lines }) => lines).filter((line) => /evil|no header/.test(line))).toEqual([]);
  });

  test("CS-67 a propagator that cannot say its fields costs a request its span, and no header", async () => {
    const { W3CTraceContextPropagator } = await import("@opentelemetry/core");
    propagation.disable();
    propagation.setGlobalPropagator({
      inject: () => undefined,
      extract: (active) => active,
      fields: () => {
        throw new Error("a propagator's own");
      },
    });
    // An iterator can be read once.
    const once = () => new Map([["x-one", "1"]]).entries() as unknown as Record<string, string>; // why: fetch takes it
    await (await fetchWithSpans(server.origin, { headers: once() })).text();
    for (const { undici } of undiciMajors) {
      const dispatcher = intercepted(undici);
      await (await undici.request(server.origin, { dispatcher, headers: once() })).body.dump();
    }
    propagation.disable();
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    expect(server.requests.map(({ lines }) => headerValues(lines, "x-one"))).toEqual([["1"], ["1"], ["1"], ["1"]]);
    expect(telemetry.clients()).toEqual([]);
  });

  test("CS-62 ignoreExperimentRequests takes anything", () => {
    for (const request of [{}, { headers: 1 }, { headers: "host: x", method: "GET", addHeader: () => undefined }]) {
      expect(ignoreExperimentRequests(request)).toBe(false);
    }
    const frozen = Object.freeze({ headers: Object.freeze([undefined, {}, 1]), method: "GET", addHeader: null });
    expect(ignoreExperimentRequests(frozen)).toBe(false);
  });
});

describe("the options of a client", () => {
  const wrong: readonly (readonly [options: unknown, code: string])[] = [
    [{ span: true }, "ERR_UNKNOWN_OPTION"],
    [{ spans: "yes" }, "ERR_OPTION_VALUE"],
    [null, "ERR_OPTIONS"],
    [true, "ERR_OPTIONS"],
  ];

  test.each(wrong)("CS-63 a mistake in them is said at once: %j", (options, code) => {
    // why: what is wrong here is what the types forbid
    const given = options as { spans: boolean };
    expect(() => experimentFetch(experiments, given)).toThrow(expect.objectContaining({ code }));
    expect(() => experimentFetch(experiments, fetch, given)).toThrow(expect.objectContaining({ code }));
    expect(() => experimentInterceptor(experiments, given)).toThrow(expect.objectContaining({ code }));
  });

  test("CS-76 a dispatcher in their place is named as what it is, with what belongs there", () => {
    // @ts-expect-error: it is no options
    expect(() => experimentInterceptor(experiments, new Agent())).toThrow(
      expect.objectContaining({
        code: "ERR_OPTIONS",
        message:
          'the options of a client are an object of the class "Agent"; write an object with spans, or leave it out',
      }),
    );
  });

  test("CS-64 with spans a client is of use also where nothing is passed on", () => {
    const seen = recordDiag();
    const nobody = createExperiments({ trustInbound: true });
    experimentFetch(nobody, { spans: true });
    experimentInterceptor(nobody, { spans: true });
    expect(seen.take()).toEqual([]);
    diag.disable();
    return nobody.close();
  });

  test("CS-65 the types of a wrapped fetch are its own", () => {
    const builtIn: typeof fetch = experimentFetch(experiments, { spans: true });
    const explicit: typeof fetch = experimentFetch(experiments, undefined, { spans: true });
    const small = async (url: string): Promise<{ readonly answer: string }> => ({ answer: url });
    const wrapped: typeof small = experimentFetch(experiments, small, { spans: true });
    expect([builtIn, explicit, wrapped].map((each) => typeof each)).toEqual(["function", "function", "function"]);
  });
});

test.each(undiciMajors)("CS-69 $name: what a handler asks for is a call of its own", async (major) => {
  const dispatcher = intercepted(major.undici);
  const second = Promise.withResolvers<unknown>();
  const handler = rawHandler(major, {
    onEnd() {
      const answer = major.undici.request(`${server.origin}/second`, { dispatcher });
      answer.then(({ body }) => second.resolve(body.dump()), second.reject);
    },
    onError: second.reject,
  });
  dispatcher.dispatch({ origin: server.origin, path: "/first", method: "GET" }, handler);
  await second.promise;
  const spans = await telemetry.ended(2);
  expect(spans.map(({ attributes }) => attributes["http.request.resend_count"])).toEqual([undefined, undefined]);
});

test("CS-70 the header of testHeaders reaches a server of the test's own process, as without spans", async () => {
  const service = await listen(
    createServer(
      nodeExperiments(experiments, (_request, response) => response.end(experiments.variant("checkout") ?? "none")),
    ),
  );
  const origin = `http://127.0.0.1:${service.port}`;
  const headers = testHeaders(experiments, { checkout: "express" });
  const ofFetch = await (await fetchWithSpans(origin, { headers })).text();
  const ofRequests: string[] = [];
  for (const { undici } of undiciMajors) {
    const { body } = await undici.request(origin, { dispatcher: intercepted(undici), headers });
    ofRequests.push(await body.text());
  }
  await service.close();
  expect([ofFetch, ...ofRequests]).toEqual(["express", "express", "express", "express"]);
});

test("CS-66 what the caller's code sees as active is its own span, in callbacks of undici too", async () => {
  for (const { undici } of undiciMajors) {
    const seen: unknown[] = [];
    await telemetry.within("call", async () => {
      const call = trace.getActiveSpan()?.spanContext().spanId;
      const note = (): void => void seen.push(trace.getActiveSpan()?.spanContext().spanId === call);
      const { body } = await undici.request(server.origin, { dispatcher: intercepted(undici) });
      note();
      body.on("end", note);
      await body.dump();
      note();
    });
    expect(seen.length).toBeGreaterThanOrEqual(2);
    expect(seen.every(Boolean)).toBe(true);
  }
  expect((await telemetry.ended(3)).every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
});
