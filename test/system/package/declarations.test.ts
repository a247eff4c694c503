import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript-6";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { entries, peers } from "../../../package-entries.ts";
import { builtOf } from "../../../scripts/entries.ts";
import { type PackedPackage, packPackage, ROOT, run } from "../../support/packed-package.ts";

// A project with `declaration` writes the types that it infers into declarations of its own. So every type that an
// inferred type names has to have a name for users too.

// One test waits for all projects of its compiler.
vi.setConfig({ testTimeout: 300_000 });

const FOLDER = join(ROOT, "test/system/package/exported");
const SOURCES = globSync("*.ts", { cwd: FOLDER });

/** A service that registers its experiments. */
const REGISTERED = {
  "experiments.ts": `
    import { createExperiments } from "otel-experiments";
    import type { ExperimentsLocals } from "otel-experiments/express";
    import { oneOf } from "otel-experiments/fields";

    export const experiments = createExperiments({
      experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
      fields: { user_tier: oneOf("free", "premium") },
    });

    declare module "otel-experiments" {
      interface Register {
        experiments: typeof experiments;
      }
    }

    declare global {
      namespace Express {
        interface Locals extends ExperimentsLocals {}
      }
    }
  `,
  "app.ts": `
    import express from "express";
    import fastify from "fastify";
    import { Hono } from "hono";
    import Koa from "koa";
    import { expressExperiments } from "otel-experiments/express";
    import { fastifyExperiments } from "otel-experiments/fastify";
    import { type ExperimentsEnv, honoExperiments } from "otel-experiments/hono";
    import { type ExperimentsState, koaExperiments } from "otel-experiments/koa";
    import { experiments } from "./experiments.js";

    type Checkout = "control" | "one_click" | undefined;

    express().use(expressExperiments(experiments)).get("/", (_request, { locals }) => {
      const variant: Checkout = locals.experiments.use("checkout");
      // @ts-expect-error -- no such experiment
      locals.experiments.use("chekout");
      return variant;
    });

    const app = fastify();
    app.register(fastifyExperiments, { experiments });
    app.get("/", (request) => {
      const variant: Checkout = request.experiments.use("checkout");
      const tier: "free" | "premium" | undefined = request.experiments.fields.get("user_tier");
      // @ts-expect-error -- no such experiment
      request.experiments.use("chekout");
      return [variant, tier];
    });

    new Koa<ExperimentsState>().use(koaExperiments(experiments)).use(({ state }) => {
      const variant: Checkout = state.experiments.use("checkout");
      // @ts-expect-error -- no such experiment
      state.experiments.use("chekout");
      return variant;
    });

    new Hono<ExperimentsEnv>().use(honoExperiments(experiments)).get("/", (c) => {
      const variant: Checkout = c.get("experiments").use("checkout");
      // @ts-expect-error -- no such experiment
      c.var.experiments.use("chekout");
      return c.text(variant ?? "none");
    });
  `,
};

/** The files of projects that are compiled in several ways. */
const FILES = {
  exported: Object.fromEntries(SOURCES.map((file) => [file, readFileSync(join(FOLDER, file), "utf8")])),
  registered: REGISTERED,
} as const;

type FilesName = keyof typeof FILES;

const DEPENDENCIES = [
  "@opentelemetry/api",
  "@opentelemetry/core",
  "fastify-plugin",
  "@types/node",
  "@types/express",
  "@types/koa",
  // npm puts what these need beside them.
  "@types/express-serve-static-core",
  "@types/koa-compose",
  "@types/qs",
  ...Object.keys(peers),
];

const SHARED = {
  target: "es2022",
  lib: ["es2023", "esnext.disposable"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  esModuleInterop: true,
  skipLibCheck: true,
  declaration: true,
  composite: true,
  // The second is named by Express's types. TypeScript knows the links of what it was asked for alone.
  types: ["node", "qs"],
};

/** What each project adds to the shared options, and the type of its folder. */
const PROJECTS = {
  "nodenext, ES modules": { type: "module", options: { module: "nodenext" } },
  "nodenext, CommonJS": { type: "commonjs", options: { module: "nodenext" } },
  bundler: { type: "module", options: { module: "esnext", moduleResolution: "bundler" } },
  "commonjs, node10": {
    type: "commonjs",
    options: { module: "commonjs", moduleResolution: "node10", ignoreDeprecations: "5.0" },
  },
  "commonjs, node10, deprecated": {
    type: "commonjs",
    options: { module: "commonjs", moduleResolution: "node10", ignoreDeprecations: "6.0" },
  },
} as const;

/** TypeScript 7 has no node10 any more. */
const CASES: readonly { readonly typescript: string; readonly project: keyof typeof PROJECTS }[] = [
  { typescript: "typescript-5", project: "nodenext, ES modules" },
  { typescript: "typescript-5", project: "commonjs, node10" },
  { typescript: "typescript-6", project: "nodenext, CommonJS" },
  { typescript: "typescript-6", project: "commonjs, node10, deprecated" },
  { typescript: "typescript", project: "nodenext, ES modules" },
  { typescript: "typescript", project: "nodenext, CommonJS" },
  { typescript: "typescript", project: "bundler" },
];

/** A service that registers its experiments is compiled by these. */
const REGISTERED_CASES: typeof CASES = [
  { typescript: "typescript", project: "nodenext, ES modules" },
  { typescript: "typescript-6", project: "commonjs, node10, deprecated" },
];

let packed: PackedPackage;
let program: ts.Program;

beforeAll(async () => {
  packed = await packPackage();
  program = ts.createProgram([...typesOfEntries().values()], { module: ts.ModuleKind.NodeNext, types: [] });
});

afterAll(() => packed[Symbol.asyncDispose]());

/** The file of each entry's types, by the entry's name. */
function typesOfEntries(): ReadonlyMap<string, string> {
  const names = Object.entries(entries);
  return new Map(names.map(([name, { source }]) => [name, join(packed.content, builtOf(source).module.types)]));
}

/** What an entry exports, whatever it is called elsewhere. */
function exportsOf(file: string | undefined): readonly ts.Symbol[] {
  const checker = program.getTypeChecker();
  const source = file === undefined ? undefined : program.getSourceFile(file);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  return module === undefined ? [] : checker.getExportsOfModule(module).map(resolved);
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? program.getTypeChecker().getAliasedSymbol(symbol) : symbol;
}

/** What a compiler has made of all its projects. */
interface Compiled {
  readonly output: string;
  /** The project's folder in which the files of this name are. */
  folder(files: FilesName, project: keyof typeof PROJECTS): string;
}

const compiled = new Map<string, Promise<Compiled>>();

/** Compiles all projects of one compiler in one process, which reads the types of others once. */
function compiledBy(typescript: string): Promise<Compiled> {
  const result = compiled.get(typescript) ?? compile(typescript);
  compiled.set(typescript, result);
  return result;
}

async function compile(typescript: string): Promise<Compiled> {
  const names = { exported: CASES, registered: REGISTERED_CASES } as const;
  const folders = new Map<string, string>();
  for (const files of ["exported", "registered"] as const) {
    for (const { project } of names[files].filter((one) => one.typescript === typescript)) {
      const { type, options } = PROJECTS[project];
      const name = `${typescript} ${files} ${project}`;
      const directory = await packed.consumer(name.replaceAll(/\W+/g, "-"), DEPENDENCIES, {
        "package.json": JSON.stringify({ type }),
        "tsconfig.json": JSON.stringify({
          compilerOptions: { ...SHARED, outDir: "out", rootDir: ".", ...options },
          files: Object.keys(FILES[files]),
        }),
        ...FILES[files],
      });
      folders.set(`${files} ${project}`, directory);
    }
  }
  const compiler = join(ROOT, "node_modules", typescript, "bin/tsc");
  const output = await run(packed.scratch, "node", compiler, "-b", ...folders.values());
  return { output, folder: (files, project) => folders.get(`${files} ${project}`) ?? "" };
}

test("DTS-01 a file exports the results of every entry", () => {
  const texts = Object.values(FILES.exported).join("\n");
  const missing = Object.keys(entries).filter((name) => !texts.includes(`"${name.replace(".", "otel-experiments")}"`));
  expect(missing).toEqual([]);
});

test.each(CASES)(
  "DTS-02 a composite project compiles that exports our results without a type: $typescript, $project",
  async ({ typescript, project }) => {
    const { output, folder } = await compiledBy(typescript);
    expect(output).toBe("");
    for (const file of SOURCES) {
      const declarations = readFileSync(join(folder("exported", project), "out", file.replace(".ts", ".d.ts")), "utf8");
      // They name us as a user does.
      expect(declarations).not.toMatch(/otel-experiments\/dist|node_modules/);
    }
  },
);

/** The entries that are used without experiments, so that a program may know nothing else of the package. */
const ALONE: ReadonlySet<string> = new Set([
  ".",
  "./baggage",
  "./cookie-store",
  "./fields",
  "./openfeature",
  "./override",
  "./sdk",
]);

test("DTS-03 every type that an entry's exports name is exported there, or where experiments are created", () => {
  const files = typesOfEntries();
  const checker = program.getTypeChecker();
  const exported = (name: string): ReadonlySet<ts.Symbol> => new Set(exportsOf(files.get(name)));
  const isOurs = ({ declarations = [], flags }: ts.Symbol): boolean =>
    (flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Class)) !== 0 &&
    declarations.every((each) => each.getSourceFile().fileName.startsWith(packed.content));

  const main = exported(".");
  expect(main.size).toBeGreaterThan(30);
  const unnamed: string[] = [];
  for (const name of Object.keys(entries)) {
    const named = new Set([...exported(name), ...(ALONE.has(name) ? [] : main)]);
    const visited = new Set<ts.Symbol>();
    const visit = (symbol: ts.Symbol): void => {
      if (visited.has(symbol)) return;
      visited.add(symbol);
      const look = (node: ts.Node): void => {
        const found = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined;
        if (found !== undefined && isOurs(resolved(found))) {
          if (!named.has(resolved(found))) unnamed.push(`${name}: ${found.name} of ${symbol.name}`);
          visit(resolved(found));
        }
        ts.forEachChild(node, look);
      };
      symbol.declarations?.forEach(look);
    };
    exported(name).forEach(visit);
  }
  expect(unnamed).toEqual([]);
});

/** What users write, and what they call. An adapter's own part of a framework's object is documented there. */
const OPTIONS = /(?:(?<!Dispatch)Options|Definition|^Experiments|^Scope|ScopeCalls|^AssignmentRequest)$/;

test("DTS-06 every option, and every call, has a doc comment", () => {
  const bare: string[] = [];
  let options = 0;
  for (const file of typesOfEntries().values()) {
    for (const { name, declarations = [] } of exportsOf(file)) {
      for (const each of declarations) {
        if (!ts.isInterfaceDeclaration(each) || !OPTIONS.test(name)) continue;
        for (const member of each.members) {
          options++;
          if (ts.getJSDocCommentsAndTags(member).length === 0) bare.push(`${name}.${member.name?.getText() ?? ""}`);
        }
      }
    }
  }
  expect(options).toBeGreaterThan(60);
  expect([...new Set(bare)]).toEqual([]);
});

test("DTS-04 experiments and fields of a CommonJS package fit a service of ES modules", async () => {
  const library = `
    import { createExperiments } from "otel-experiments";
    import { defineFields, oneOf } from "otel-experiments/fields";
    export const fields = defineFields({ user_tier: oneOf("free", "premium").on("metric") });
    export const experiments = createExperiments({ experiments: { a: { id: "a_1", variants: ["x", "y"] } }, fields });
  `;
  const service = `
    import { createExperiments, type Experiments } from "otel-experiments";
    import { nodeExperiments } from "otel-experiments/node";
    import { experimentFetch } from "otel-experiments/fetch";
    import { experiments, fields } from "./library.cjs";
    export const listener = nodeExperiments(experiments, (_request, response) => response.end(), { assign: ["a"] });
    export const send = experimentFetch(experiments);
    export const own = createExperiments({ trustInbound: true, fields });
    export const tier: "free" | "premium" | undefined = own.fields.get("user_tier");
    export const handle: Pick<Experiments, "close"> = experiments;
    // @ts-expect-error -- no such experiment
    nodeExperiments(experiments, (_request, response) => response.end(), { assign: ["b"] });
    // @ts-expect-error -- not made by createExperiments
    nodeExperiments({}, (_request, response) => response.end());
  `;
  const directory = await packed.consumer("both-formats", DEPENDENCIES, {
    "package.json": "{}",
    // The one setting where TypeScript reads the types of CommonJS and of ES modules in one program.
    "tsconfig.json": JSON.stringify({
      compilerOptions: { ...SHARED, outDir: "out", module: "node18" },
      files: ["library.cts", "service.mts"],
    }),
    "library.cts": library,
    "service.mts": service,
  });
  expect(await run(directory, "tsc", "-p", ".")).toBe("");
});

test.each(REGISTERED_CASES)(
  "DTS-05 a service that registers its experiments has their types on what each framework hands on: $typescript, $project",
  async ({ typescript }) => {
    expect((await compiledBy(typescript)).output).toBe("");
  },
);
