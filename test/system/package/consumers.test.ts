import { existsSync, globSync, readFileSync } from "node:fs";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inboundContract, outboundContract } from "otel-experiments/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entries, peers } from "../../../package-entries.ts";
import { builtOf } from "../../../scripts/entries.ts";
import { type PackedPackage, packPackage, ROOT, run } from "../../support/packed-package.ts";

const PEERS = ["@opentelemetry/api", "@opentelemetry/core"];
/** What npm installs with the package alone. */
const INSTALLED = [...PEERS, "fastify-plugin"];
const TYPES = ["@types/node", "@types/express", "@types/koa", ...Object.keys(peers)];

const SPECIFIERS = Object.keys(entries).map((subpath) => subpath.replace(".", "otel-experiments"));
/** The README's links are absolute: it is read on npm's page too. */
const REPOSITORY = "https://github.com/otel-experiments/otel-experiments/blob/main/";
/** Its import is what does something. */
const REGISTER = "otel-experiments/register";

let packed: PackedPackage;

beforeAll(async () => {
  packed = await packPackage();
});

afterAll(() => packed[Symbol.asyncDispose]());

/** The names that a script says each subpath exports. */
type Exported = { readonly [specifier: string]: readonly string[] };

async function namesFrom(directory: string, script: string): Promise<Exported> {
  return JSON.parse(await run(directory, "node", script)) as Exported; // why: the scripts below print exactly this
}

async function namesOfSources(): Promise<Exported> {
  const names = Object.values(entries).map(
    async ({ source }) => Object.keys((await import(join(ROOT, source))) as object).sort(), // why: a module is an object
  );
  const all = await Promise.all(names);
  return Object.fromEntries(SPECIFIERS.map((specifier, i) => [specifier, all[i] ?? []]));
}

describe("the tarball", () => {
  test("PKG-10 holds what the exports name, and no source, test or configuration", () => {
    const files = globSync("**/*", { cwd: packed.content, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(packed.content.length + 1));
    for (const { source } of Object.values(entries)) {
      const { module, commonJs } = builtOf(source);
      for (const file of [module, commonJs].flatMap((format) => Object.values(format)))
        expect(files).toContain(file.slice("./".length));
    }
    const expected =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|docs\/[a-z-]+\.md|dist\/(src|adapters|cli|testing)\/.+\.(js|js\.map|d\.ts)|dist\/cjs\/(src|adapters|testing|_virtual)\/.+\.(cjs|d\.cts))$/;
    expect(files.filter((file) => !expected.test(file))).toEqual([]);
  });

  test("PKG-14 holds what its README and its documentation link to in the repository, but for what concerns contributors", () => {
    const pages = globSync(["README.md", "docs/*.md"], { cwd: packed.content });
    expect(pages).toContain("docs/register.md");
    const links = pages.flatMap((page) =>
      [...readFileSync(join(packed.content, page), "utf8").matchAll(/\]\(([^)#\s]+)/g)].flatMap(([, to = ""]) => {
        if (to.startsWith(REPOSITORY)) return [to.slice(REPOSITORY.length)];
        return /^https?:/.test(to) ? [] : [join(dirname(page), to)];
      }),
    );
    expect(links.length).toBeGreaterThan(40);
    const dead = links.filter((link) => !existsSync(join(packed.content, link)));
    expect([...new Set(dead)]).toEqual(["CONTRIBUTING.md"]);
  });

  test("PKG-11 speaks of no machine that it was built on", () => {
    for (const file of globSync("dist/**/*", { cwd: packed.content, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const text = readFileSync(join(file.parentPath, file.name), "utf8");
      expect(text.includes(ROOT) || text.includes(packed.scratch)).toBe(false);
    }
  });

  test("PKG-12 satisfies publint", async () => {
    expect(await run(ROOT, "publint", "run", packed.tarball, "--strict")).toContain("All good!");
  });

  test("PKG-13 satisfies Are The Types Wrong in every resolution, from ESM and from CommonJS", async () => {
    const report = await run(ROOT, "attw", packed.tarball, "--no-definitely-typed", "--format", "ascii");
    // Our subpaths, and package.json.
    for (const how of ["node10", "node16 (from CJS)", "node16 (from ESM)", "bundler"]) {
      expect(report.split("\n").filter((line) => line.startsWith(`${how}: 🟢`))).toHaveLength(SPECIFIERS.length + 1);
    }
  });
});

describe("a consumer in JavaScript", () => {
  const list = `JSON.stringify(Object.fromEntries(modules.map(([name, module]) => [name, Object.keys(module).sort()])))`;
  const files = {
    "package.json": '{ "type": "module" }',
    "esm.js": `
      const modules = [];
      for (const name of ${JSON.stringify(SPECIFIERS)}) modules.push([name, await import(name)]);
      console.log(${list});
    `,
    "cjs.cjs": `
      const modules = ${JSON.stringify(SPECIFIERS)}.map((name) => [name, require(name)]);
      console.log(${list});
    `,
    "one-copy.cjs": `
      const apart = async (name) => require(name) !== await import(name);
      Promise.all(${JSON.stringify(SPECIFIERS)}.map(apart)).then((are) => console.log(JSON.stringify(are)));
    `,
    "effects.js": `
      import { channel } from "node:diagnostics_channel";
      const channels = ["undici:request:create", "http.client.request.created", "http.client.request.start",
        "http.server.request.start", "net.client.socket", "undici:client:connected"];
      const look = () => ({
        globals: Reflect.ownKeys(globalThis).map(String).sort(),
        subscribed: channels.filter((name) => channel(name).hasSubscribers),
        listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        resources: process.getActiveResourcesInfo(),
      });
      await import("@opentelemetry/api");
      await import("@opentelemetry/core");
      await import("node:assert"); // With which the contracts judge; it opens stderr.
      const before = look();
      for (const name of ${JSON.stringify(SPECIFIERS.filter((name) => name !== REGISTER))}) await import(name);
      console.log(JSON.stringify({ before, after: look() }));
    `,
    "use.js": `
      import http from "node:http";
      import { createExperiments } from "otel-experiments";
      import { nodeExperiments } from "otel-experiments/node";
      import { experimentFetch } from "otel-experiments/fetch";
      const received = [];
      const downstream = http.createServer((request, response) => {
        received.push(request.headers.baggage ?? "");
        response.end();
      });
      downstream.listen(0, "127.0.0.1", () => {
        const target = "http://127.0.0.1:" + downstream.address().port;
        const experiments = createExperiments({
          experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
          propagateTo: [target],
        });
        const send = experimentFetch(experiments);
        const server = http.createServer(nodeExperiments(experiments, async (request, response) => {
          experiments.record("checkout", "express");
          await (await send(target)).text();
          response.end();
        }));
        server.listen(0, "127.0.0.1", async () => {
          await (await fetch("http://127.0.0.1:" + server.address().port)).text();
          console.log(JSON.stringify(received));
          await experiments.close();
          server.close();
          downstream.close();
          server.closeAllConnections();
          downstream.closeAllConnections();
        });
      });
    `,
  };
  let directory: string;

  beforeAll(async () => {
    // Neither Express nor Koa, Fastify or undici is installed: they are optional.
    directory = await packed.consumer("javascript", INSTALLED, files);
  });

  test("PKG-20 imports every subpath, with the names of its source and no default", async () => {
    const names = await namesFrom(directory, "esm.js");
    expect(names).toEqual(await namesOfSources());
    expect(Object.values(names).flat()).not.toContain("default");
    expect(SPECIFIERS.filter((specifier) => names[specifier]?.length === 0)).toEqual([REGISTER]);
  });

  test("PKG-21 requires every subpath, with the same names", async () => {
    expect(await namesFrom(directory, "cjs.cjs")).toEqual(await namesFrom(directory, "esm.js"));
  });

  test("PKG-31 is the same module where it is required and where it is imported: no process of Node's has two copies", async () => {
    expect(await run(directory, "node", "one-copy.cjs")).toBe(`${JSON.stringify(SPECIFIERS.map(() => false))}\n`);
  });

  test("PKG-32 is CommonJS for a Node that may not require ES modules, with the same names", async () => {
    const names = JSON.parse(await run(directory, "node", "--no-experimental-require-module", "cjs.cjs")) as Exported; // why: as above
    expect(names).toEqual(await namesFrom(directory, "esm.js"));
  });

  test("PKG-22 changes nothing by importing: no global, no channel, no listener, no timer", async () => {
    // why: the script prints exactly this
    const { before, after } = JSON.parse(await run(directory, "node", "effects.js")) as Record<string, unknown>;
    expect(after).toEqual(before);
  });

  test("PKG-23 passes a variant on from one server to another", async () => {
    expect(JSON.parse(await run(directory, "node", "use.js"))).toEqual([
      "experiment.checkout.variant=express,experiment.checkout.id=checkout_1",
    ]);
  });
});

describe("a consumer with a command line", () => {
  test("PKG-25 runs the command as npx does, by its link, and describes a module that uses the package", async () => {
    const directory = await packed.consumer("commands", INSTALLED, {
      "package.json": '{ "type": "module" }',
      "experiments.js": `
        import { createExperiments } from "otel-experiments";
        import { oneOf } from "otel-experiments/fields";
        export const experiments = createExperiments({
          experiments: { checkout: { id: "checkout_1", variants: { control: 3, express: 1 } } },
          fields: { user_tier: oneOf("free", "premium").on("span") },
        });
        setInterval(() => undefined, 1000);
      `,
    });
    // As npm makes them: a link, and leave to run what it leads to.
    const target = join(directory, "node_modules/otel-experiments", manifestOf(packed.content).bin["otel-experiments"]);
    await chmod(target, 0o755);
    const link = join(directory, "node_modules/.bin/otel-experiments");
    await mkdir(dirname(link));
    await symlink(target, link);
    const printed = await run(directory, link, "describe", "./experiments.js");
    expect(printed).toMatch(/^experiments\n/);
    expect(printed).toContain("control 75%, express 25%");
    expect(printed).toContain("user_tier=<free or premium>");
    expect(await run(directory, link, "--help")).toContain("describe MODULE");
  });
});

/** What npm reads of it. */
function manifestOf(content: string): { readonly bin: { readonly "otel-experiments": string } } {
  // why: the test fails where the file does not hold it
  return JSON.parse(readFileSync(join(content, "package.json"), "utf8")) as ReturnType<typeof manifestOf>;
}

describe("a third party with adapters of its own", () => {
  test("PKG-24 runs the contracts on them with node:test", async () => {
    const docs = join(ROOT, "test/system/docs");
    const sources = globSync("*.ts", { cwd: docs, exclude: ["*.test.ts"] });
    const directory = await packed.consumer("third-party", INSTALLED, {
      "package.json": '{ "type": "module" }',
      ...Object.fromEntries(sources.map((file) => [file, readFileSync(join(docs, file), "utf8")])),
    });
    const report = await run(directory, "node", "--test", "--test-reporter=tap", "node-test.ts");
    // Each case, and that what a harness lacks are cases.
    expect(report).toContain(`\n# pass ${inboundContract.length + outboundContract.length + 2}\n# fail 0\n`);
  });
});

describe("a consumer in TypeScript", () => {
  const source = `
    import http from "node:http";
    import express from "express";
    import fastify from "fastify";
    import { Hono } from "hono";
    import Koa from "koa";
    import { Agent } from "undici";
    import { createExperiments, defineExperiments, ExperimentConfigError, type Scope } from "otel-experiments";
    import { inbound, outbound, type InboundRequest } from "otel-experiments/adapter";
    import { formatBaggage, mergeBaggage, parseBaggage, type BaggageMember } from "otel-experiments/baggage";
    import { expressExperiments } from "otel-experiments/express";
    import { fastifyExperiments } from "otel-experiments/fastify";
    import { defineFields, oneOf, text } from "otel-experiments/fields";
    import { experimentFetch } from "otel-experiments/fetch";
    import { honoExperiments } from "otel-experiments/hono";
    import { koaExperiments } from "otel-experiments/koa";
    import { nodeExperiments } from "otel-experiments/node";
    import { inboundContract, type InboundHarness } from "otel-experiments/testing";
    import { experimentInterceptor } from "otel-experiments/undici";

    const registry = defineExperiments({ checkout: { id: "checkout_1", variants: ["control", "express"] } });
    export const experiments = createExperiments({ experiments: registry, trustInbound: ["10.0.0.0/8"] });
    express().use(expressExperiments(experiments, { serverSpan: "create", route: (request) => request.url }));
    express().use(expressExperiments(experiments, { route: (request: express.Request) => request.path }));
    new Koa().use(koaExperiments(experiments, { serverSpan: "create", route: (ctx: Koa.Context) => ctx.path }));
    new Hono().use(honoExperiments(experiments)).get("/", (c) => c.text(c.var.experiments.variant("checkout") ?? "none"));
    const app = fastify();
    app.register(fastifyExperiments, { experiments, serverSpan: "create", route: (request) => request.routeOptions.url });
    app.get("/", async (request) => request.experiments.variant("checkout") ?? "none");
    http.createServer(nodeExperiments(experiments, (_request, response) => response.end()));
    export const agent = new Agent().compose(experimentInterceptor(experiments));
    export const send: typeof fetch = experimentFetch(experiments);
    export const variant: "control" | "express" | undefined = experiments.variant("checkout");
    export const scope: Scope<typeof registry> = experiments.current();
    export const fields = defineFields({ user_tier: oneOf("free", "premium").on("metric"), region: text() });
    const withFields = createExperiments({ experiments: registry, fields });
    export const tier: "free" | "premium" | undefined = withFields.fields.get("user_tier");
    // @ts-expect-error -- none of its texts
    withFields.fields.set("user_tier", "gold");
    // @ts-expect-error -- no such experiment
    experiments.variant("chekout");
    // @ts-expect-error -- no such variant
    experiments.record("checkout", "expres");
    export const members: readonly BaggageMember[] = parseBaggage(mergeBaggage("a=1", []) + formatBaggage([]));
    export const verbs = [inbound(experiments), outbound(experiments)] as const;
    export type Opened = ReturnType<(typeof verbs)[0]>;
    export const arrival: Partial<InboundRequest> = {};
    export const harness: InboundHarness = { name: "none", serve: () => Promise.reject(new Error("none")) };
    export const cases = inboundContract.map((each) => each.run(harness));
    export const isConfigError = (error: unknown) => error instanceof ExperimentConfigError && error.code;
  `;
  const options = {
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    esModuleInterop: true,
    noEmit: true,
    types: ["node"],
  };
  const project = (file: string, compilerOptions: object): string =>
    JSON.stringify({ compilerOptions: { ...options, ...compilerOptions }, files: [file] });
  const files = {
    "package.json": '{ "type": "module" }',
    "esm.ts": source,
    "cjs.cts": source,
    "nodenext.json": project("esm.ts", { module: "nodenext", skipLibCheck: true }),
    "cjs.json": project("cjs.cts", { module: "nodenext", skipLibCheck: true }),
    "bundler.json": project("esm.ts", { module: "esnext", moduleResolution: "bundler", skipLibCheck: true }),
    "lib.ts": SPECIFIERS.map((specifier, i) => `export * as m${i} from "${specifier}";`).join("\n"),
    "lib.json": project("lib.ts", { module: "nodenext", skipLibCheck: false }),
  };
  let directory: string;

  beforeAll(async () => {
    directory = await packed.consumer("typescript", [...INSTALLED, ...TYPES], files);
  });

  test.each([
    { how: "nodenext", project: "nodenext.json" },
    { how: "nodenext, from CommonJS", project: "cjs.json" },
    { how: "bundler", project: "bundler.json" },
    { how: "nodenext, the declarations themselves checked", project: "lib.json" },
  ])("PKG-30 compiles against every subpath: $how", async ({ project: file }) => {
    expect(await run(directory, "tsc", "-p", file)).toBe("");
  });
});
