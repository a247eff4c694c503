import { Readable } from "node:stream";
import multipart from "@fastify/multipart";
import { type FastifyInstance, type FastifyServerOptions, fastify } from "fastify";
import { ExperimentConfigError } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { afterAll, describe, expect, test } from "vitest";
import { send, WireConnection } from "../../testing/wire/client.ts";
import { closed } from "../support/experiments.ts";
import { fastifyOtel } from "../support/frameworks/fastify-otel.ts";
import { startTracing } from "../support/tracing.ts";
import { EXPRESS_VARIANT, type Trusting, trusting } from "./trusting.ts";

const tracing = startTracing([]);

afterAll(() => tracing.stop());

async function portOf(app: FastifyInstance): Promise<number> {
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  return Number(new URL(address).port);
}

/** What one place of a request sees, in all the ways in which the scope can be asked for. */
function look(experiments: Trusting, request: object): string {
  const scope = experiments.current();
  const same = experiments.of(request) === scope && Reflect.get(request, "experiments") === scope;
  return `${experiments.variant("checkout")}${same ? "" : " of another scope"}`;
}

function later(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const neighbours = [
  { otel: "without @fastify/otel" },
  { otel: "with @fastify/otel before it", before: fastifyOtel },
  { otel: "with @fastify/otel behind it", after: fastifyOtel },
];

describe.each(neighbours)("Fastify $otel", ({ before, after }) => {
  /** An app with our plugin, and with OpenTelemetry's where the row says so. */
  async function appWith(experiments: Trusting, options: FastifyServerOptions = {}): Promise<FastifyInstance> {
    const app = fastify({ forceCloseConnections: true, ...options });
    closed(app);
    await before?.(app);
    await app.register(fastifyExperiments, { experiments });
    await after?.(app);
    return app;
  }

  test("FA-01 has the scope in each hook behind it, of either style, and in the handler", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = await appWith(experiments);
    const note = (hook: string, request: object): void => void seen.push(`${hook} ${look(experiments, request)}`);
    const settled = Promise.withResolvers<void>();
    app.addHook("onRequest", (request, _reply, done) => {
      note("onRequest", request);
      setImmediate(done);
    });
    app.addHook("onRequest", async (request) => {
      await later();
      note("onRequest", request);
    });
    app.addHook("preParsing", (request, _reply, payload, done) => {
      note("preParsing", request);
      setImmediate(() => done(null, payload));
    });
    app.addHook("preParsing", async (request) => {
      await later();
      note("preParsing", request);
    });
    app.addHook("preValidation", async (request) => {
      await later();
      note("preValidation", request);
    });
    app.addHook("preHandler", (request, _reply, done) => {
      note("preHandler", request);
      setTimeout(done, 1);
    });
    app.addHook("preHandler", async (request) => {
      await later();
      note("preHandler", request);
    });
    app.addHook("preSerialization", async (request, _reply, payload) => {
      await later();
      note("preSerialization", request);
      return payload;
    });
    app.addHook("onSend", (request, _reply, payload, done) => {
      note("onSend", request);
      setImmediate(() => done(null, payload));
    });
    app.addHook("onSend", async (request, _reply, payload) => {
      await later();
      note("onSend", request);
      return payload;
    });
    app.addHook("onResponse", async (request) => {
      note("onResponse", request);
      await later();
      note("onResponse", request);
      settled.resolve();
    });
    app.post("/", async (request) => {
      note("handler", request);
      await later();
      note("handler", request);
      return { length: JSON.stringify(request.body).length };
    });
    const { status, body } = await send(await portOf(app), {
      method: "POST",
      lines: ["content-type: application/json", EXPRESS_VARIANT],
      body: JSON.stringify({ long: "x".repeat(100_000) }),
    });
    await settled.promise;
    expect([status, JSON.parse(body)]).toEqual([200, { length: 100_011 }]);
    expect(seen).toEqual(
      [
        ["onRequest", "onRequest", "preParsing", "preParsing", "preValidation", "preHandler", "preHandler"],
        ["handler", "handler", "preSerialization", "onSend", "onSend", "onResponse", "onResponse"],
      ]
        .flat()
        .map((hook) => `${hook} express`),
    );
  });

  test("FA-02 has the scope in onError and in the error handler, for errors of handlers, hooks, parsers and schemas", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const failure = new Error("the user's own");
    const app = await appWith(experiments, { bodyLimit: 100 });
    app.addHook("onError", async (request, _reply, error) => {
      seen.push(`onError ${request.url} ${look(experiments, request)} ${error === failure}`);
    });
    app.setErrorHandler(async (error, request, reply) => {
      seen.push(`handler ${request.url} ${look(experiments, request)} ${error === failure}`);
      return reply.code(503).send(error);
    });
    app.addHook("preHandler", async (request) => {
      if (request.url === "/hook") throw failure;
    });
    app.get("/at-once", () => {
      throw failure;
    });
    app.get("/later", async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw failure;
    });
    app.get("/sent", (_request, reply) => void setImmediate(() => void reply.send(failure)));
    app.get("/hook", () => "must be passed over");
    const schema = { body: { type: "object", required: ["name"] } };
    for (const path of ["/large", "/malformed", "/schema"]) app.post(path, { schema }, () => "must be passed over");
    const port = await portOf(app);
    const own = ["/at-once", "/later", "/sent", "/hook"];
    for (const path of own) expect((await send(port, { path, lines: [EXPRESS_VARIANT] })).status).toBe(503);
    const bodies = { "/large": `"${"x".repeat(200)}"`, "/malformed": "{ malformed", "/schema": "{}" };
    for (const [path, body] of Object.entries(bodies)) {
      const lines = ["content-type: application/json", EXPRESS_VARIANT, "connection: close"];
      await send(port, { method: "POST", path, lines, body });
    }
    expect(seen.toSorted()).toEqual(
      [...own, ...Object.keys(bodies)]
        .flatMap((path) => ["onError", "handler"].map((place) => `${place} ${path} express ${own.includes(path)}`))
        .toSorted(),
    );
  });

  test("FA-03 has the scope in the handler of what is not found, and in its hooks", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = await appWith(experiments);
    const preHandler = async (request: object): Promise<void> => void seen.push(`hook ${look(experiments, request)}`);
    app.setNotFoundHandler({ preHandler }, async (request, reply) => {
      seen.push(`handler ${look(experiments, request)}`);
      return reply.code(404).send("nothing here");
    });
    const { status, body } = await send(await portOf(app), { path: "/missing", lines: [EXPRESS_VARIANT] });
    expect([status, body]).toEqual([404, "nothing here"]);
    expect(seen).toEqual(["hook express", "handler express"]);
  });

  test("FA-04 has the scope in onRequestAbort", async () => {
    const experiments = trusting();
    const arrived = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<string>();
    const app = await appWith(experiments);
    app.addHook("onRequestAbort", async (request) => {
      const atOnce = look(experiments, request);
      await new Promise((resolve) => setImmediate(resolve));
      aborted.resolve(`${atOnce}, ${look(experiments, request)}`);
    });
    app.get("/", async (_request, reply) => {
      arrived.resolve();
      await aborted.promise;
      return reply.send("too late");
    });
    const connection = await WireConnection.open(await portOf(app));
    connection.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${EXPRESS_VARIANT}\r\n\r\n`);
    await arrived.promise;
    connection.close();
    expect(await aborted.promise).toBe("express, express");
  });

  test("FA-05 has the scope in plugins that are encapsulated, nested and registered later", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = await appWith(experiments);
    await app.register(
      async (outer) => {
        outer.addHook("onRequest", async (request) => void seen.push(`outer ${look(experiments, request)}`));
        await outer.register(
          async (inner) => {
            inner.addHook("preHandler", async (request) => void seen.push(`inner ${look(experiments, request)}`));
            inner.setErrorHandler(async (_error, request, reply) => {
              seen.push(`inner error ${look(experiments, request)}`);
              return reply.code(500).send("failed");
            });
            inner.get("/ok", (request) => look(experiments, request));
            inner.get("/fails", async () => {
              throw new Error("the user's own");
            });
          },
          { prefix: "/inner" },
        );
      },
      { prefix: "/outer" },
    );
    const port = await portOf(app);
    expect((await send(port, { path: "/outer/inner/ok", lines: [EXPRESS_VARIANT] })).body).toBe("express");
    expect((await send(port, { path: "/outer/inner/fails", lines: [EXPRESS_VARIANT] })).body).toBe("failed");
    expect(seen).toEqual(["outer express", "inner express", "outer express", "inner express", "inner error express"]);
  });

  test("FA-06 has the scope in content type parsers, in multipart forms and in streams that are sent", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = await appWith(experiments);
    await app.register(multipart);
    app.addContentTypeParser("text/csv", { parseAs: "string" }, (request, body, done) => {
      seen.push(`callback ${look(experiments, request)}`);
      done(null, body.length);
    });
    app.addContentTypeParser("text/tsv", async (request: object, payload: AsyncIterable<Buffer>) => {
      let bytes = 0;
      for await (const chunk of payload) bytes += chunk.length;
      seen.push(`async ${look(experiments, request)}`);
      return bytes;
    });
    app.post("/", async (request) => `${String(request.body)} ${look(experiments, request)}`);
    app.post("/form", async (request, reply) => {
      async function* parts(): AsyncGenerator<string> {
        for await (const part of request.parts()) {
          if (part.type === "file") yield `${(await part.toBuffer()).length} ${look(experiments, request)}`;
        }
      }
      return reply.type("text/plain").send(Readable.from(parts()));
    });
    const port = await portOf(app);
    for (const type of ["text/csv", "text/tsv"]) {
      const lines = [`content-type: ${type}`, EXPRESS_VARIANT];
      const { body } = await send(port, { method: "POST", lines, body: "x".repeat(200_000) });
      expect(body).toBe("200000 express");
    }
    const file = `--b\r\ncontent-disposition: form-data; name="f"; filename="a"\r\n\r\n${"x".repeat(90_000)}\r\n--b--\r\n`;
    const lines = ["content-type: multipart/form-data; boundary=b", EXPRESS_VARIANT];
    expect((await send(port, { method: "POST", path: "/form", lines, body: file })).body).toBe("90000 express");
    expect(seen).toEqual(["callback express", "async express"]);
  });

  test("FA-07 gives an injected request its own variant", async () => {
    const experiments = trusting();
    const app = await appWith(experiments);
    app.post("/", async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      return `${look(experiments, request)} ${JSON.stringify(request.body)}`;
    });
    const inject = (baggage: string, payload: object): Promise<{ body: string }> =>
      app.inject({ method: "POST", url: "/", headers: { baggage }, payload });
    const bodies = await Promise.all([
      inject("experiment.checkout.variant=control", { a: 1 }),
      inject("experiment.checkout.variant=express", { b: 2 }),
      inject("user=1", { c: 3 }),
    ]);
    expect(bodies.map(({ body }) => body)).toEqual(['control {"a":1}', 'express {"b":2}', 'undefined {"c":3}']);
  });

  test("FA-08 gives a request that a handler injects its own variant, and the handler keeps its", async () => {
    const experiments = trusting();
    const app = await appWith(experiments);
    const variants = ["control", "single_page", undefined];
    app.get("/inner", async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return look(experiments, request);
    });
    app.get("/outer", async (request) => {
      const seen = [look(experiments, request)];
      const inject = async (variant: string | undefined): Promise<string> => {
        const headers = variant === undefined ? {} : { baggage: `experiment.checkout.variant=${variant}` };
        const { body } = await app.inject({ url: "/inner", headers });
        return `${body} within ${look(experiments, request)}`;
      };
      for (const variant of variants) seen.push(await inject(variant));
      seen.push(...(await Promise.all(variants.map(inject))));
      seen.push(look(experiments, request));
      return seen;
    });
    const { body } = await send(await portOf(app), { path: "/outer", lines: [EXPRESS_VARIANT] });
    const inner = ["control within express", "single_page within express", "undefined within express"];
    expect(JSON.parse(body)).toEqual(["express", ...inner, ...inner, "express"]);
  });

  test("FA-09 keeps the variants of a kept-alive connection apart, in the hooks after the answer too", async () => {
    const experiments = trusting();
    const seen: string[] = [];
    const app = await appWith(experiments);
    const onResponse = async (request: { id: string }): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(look(experiments, request));
    };
    app.addHook("onResponse", onResponse);
    app.get("/", (request) => look(experiments, request));
    const connection = await WireConnection.open(await portOf(app));
    const variants = ["control", undefined, "express", "single_page", undefined];
    const bodies: string[] = [];
    for (const variant of variants) {
      const lines = variant === undefined ? [] : [`baggage: experiment.checkout.variant=${variant}`];
      bodies.push((await connection.send({ lines })).body);
    }
    connection.close();
    await app.close();
    expect(bodies).toEqual(variants.map(String));
    expect(seen).toEqual(variants.map(String));
  });

  test("FA-10 has the scope where the reply is hijacked", async () => {
    const experiments = trusting();
    const app = await appWith(experiments);
    const over = Promise.withResolvers<string>();
    app.get("/", (request, reply) => {
      reply.hijack();
      reply.raw.on("close", () => over.resolve(look(experiments, request)));
      setImmediate(() => reply.raw.end(look(experiments, request)));
    });
    expect((await send(await portOf(app), { lines: [EXPRESS_VARIANT] })).body).toBe("express");
    expect(await over.promise).toBe("express");
  });

  test("FA-11 leaves Fastify's own answers as they are: not found, failed parsers and schemas, thrown statuses", async () => {
    const experiments = trusting();
    const answers = async (ours: boolean): Promise<unknown[]> => {
      const app = fastify({ forceCloseConnections: true });
      closed(app);
      await before?.(app);
      if (ours) await app.register(fastifyExperiments, { experiments });
      await after?.(app);
      app.get("/json", () => ({ a: 1 }));
      app.get("/thrown", async () => {
        throw Object.assign(new Error("pay first"), { statusCode: 402 });
      });
      app.get("/streamed", (_request, reply) => reply.send(Readable.from(["one ", "two"])));
      app.get("/moved", (_request, reply) => reply.redirect("/elsewhere"));
      app.post("/", { schema: { body: { type: "object", required: ["name"] } } }, () => "must be passed over");
      const port = await portOf(app);
      const all: unknown[] = [];
      const json = ["content-type: application/json", EXPRESS_VARIANT];
      for (const request of [
        ...["/json", "/thrown", "/streamed", "/moved", "/missing"].map((path) => ({ path, lines: [EXPRESS_VARIANT] })),
        { method: "POST", lines: json, body: "{}" },
        { method: "POST", lines: json, body: "{ malformed" },
        { method: "POST", lines: ["content-type: text/unheard-of"], body: "x" },
      ]) {
        const { start, lines, body } = await send(port, request);
        all.push([start, lines.filter((line) => !/^date:/i.test(line)), body]);
      }
      return all;
    };
    expect(await answers(true)).toEqual(await answers(false));
  });
});

test("FA-12 is found by the request in onTimeout, which Fastify calls from the socket", async () => {
  const experiments = trusting();
  const app = fastify({ forceCloseConnections: true, connectionTimeout: 30 });
  closed(app);
  await app.register(fastifyExperiments, { experiments });
  const timedOut = Promise.withResolvers<unknown>();
  app.addHook("onTimeout", async (request) => {
    timedOut.resolve([
      request.experiments.variant("checkout"),
      Object.is(experiments.of(request), request.experiments),
    ]);
  });
  app.get("/", () => new Promise(() => undefined));
  const connection = await WireConnection.open(await portOf(app));
  connection.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${EXPRESS_VARIANT}\r\n\r\n`);
  expect(await timedOut.promise).toEqual(["express", true]);
  connection.close();
});

test("FA-13 is known to Fastify by the package's name", async () => {
  const app = fastify();
  closed(app);
  await app.register(fastifyExperiments, { experiments: trusting() });
  expect(app.hasPlugin("otel-experiments")).toBe(true);
  expect(app.hasRequestDecorator("experiments")).toBe(true);
});

test("FA-14 is refused at set-up without experiments", async () => {
  const app = fastify();
  closed(app);
  // @ts-expect-error: what a caller without types may do
  await expect(app.register(fastifyExperiments, {})).rejects.toThrow(ExperimentConfigError);
});

test("FA-15 names an option that there is not, and leaves Fastify its own", async () => {
  const misspelt = fastify();
  closed(misspelt);
  const options = { experiments: trusting(), serverspans: "create" };
  await expect(misspelt.register(fastifyExperiments, options)).rejects.toMatchObject({
    code: "ERR_UNKNOWN_OPTION",
    message: 'the option "serverspans" of an adapter is unknown; did you mean serverSpan?',
  });
  const app = fastify();
  closed(app);
  const theirs = { prefix: "/shop", logLevel: "warn", logSerializers: {} } as const;
  await app.register(fastifyExperiments, { experiments: trusting(), ...theirs });
  expect(app.hasPlugin("otel-experiments")).toBe(true);
});
