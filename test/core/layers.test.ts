import { globSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { entries } from "../../package-entries.ts";

// The direction of the project, read from the files themselves, so that it holds without the linter too:
// testing → adapters → src, cli → src, and src → nothing of ours, no framework and no SDK.

const ROOT = join(import.meta.dirname, "../..");

/** What OpenTelemetry promises to libraries. */
const TELEMETRY: ReadonlySet<string> = new Set(["@opentelemetry/api", "@opentelemetry/core"]);

/** A file of the project, as an import names it from the project's root. */
const OURS = /^(src|adapters|cli|test|testing|examples|bench)\//;

/** The packages that an adapter is for; it may name no other's. */
const FRAMEWORKS: { readonly [file: string]: readonly string[] } = {
  "adapters/inbound/fastify.ts": ["fastify", "fastify-plugin"],
  "adapters/inbound/hono.ts": ["hono"],
};

interface Import {
  /** The file, from the project's root. */
  readonly from: string;
  /** A package's or Node's name, or a file of the project. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:\b(?:import|export)\s+(type\s)?[^;"'`]*?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)["'`]([^"'`]+)["'`]/g;

function importsIn(from: string, source: string): readonly Import[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  return [...code.matchAll(IMPORT)].map(([, type, specifier = ""]) => ({
    from,
    to: specifier.startsWith(".") ? posix.join(dirname(from), specifier) : specifier,
    typeOnly: type !== undefined,
  }));
}

function importsUnder(folder: string): readonly Import[] {
  const files = globSync(`${folder}/**/*.{ts,mts,cts,js,mjs,cjs}`, { cwd: ROOT });
  return files.flatMap((file) => importsIn(file, readFileSync(join(ROOT, file), "utf8")));
}

function breaches(imports: readonly Import[], allowed: (one: Import) => boolean): readonly string[] {
  return imports.filter((one) => !allowed(one)).map(({ from, to }) => `${from} imports ${to}`);
}

test("LAY-01 every way to import is seen", () => {
  const source = `
    import { a } from "./a.ts";
    import type { b } from "../b.ts";
    import "./c.ts";
    export { d } from "d";
    export type { e } from "@scope/e";
    export * from './f.ts';
    import g, {
      type h,
    } from "g";
    const i = await import("i");
    const j = require("j");
    type K = import("k").K;
    // import { no } from "comment";
    /** import { no } from "comment"; */
  `;
  expect(importsIn("x/y/z.ts", source)).toEqual([
    { from: "x/y/z.ts", to: "x/y/a.ts", typeOnly: false },
    { from: "x/y/z.ts", to: "x/b.ts", typeOnly: true },
    { from: "x/y/z.ts", to: "x/y/c.ts", typeOnly: false },
    { from: "x/y/z.ts", to: "d", typeOnly: false },
    { from: "x/y/z.ts", to: "@scope/e", typeOnly: true },
    { from: "x/y/z.ts", to: "x/y/f.ts", typeOnly: false },
    { from: "x/y/z.ts", to: "g", typeOnly: false },
    { from: "x/y/z.ts", to: "i", typeOnly: false },
    { from: "x/y/z.ts", to: "j", typeOnly: false },
    { from: "x/y/z.ts", to: "k", typeOnly: false },
  ]);
});

describe("src", () => {
  const imports = importsUnder("src");

  test("LAY-02 imports itself, Node, and OpenTelemetry's API and core: no adapter, no framework, no SDK", () => {
    expect(imports.length).toBeGreaterThan(50);
    expect(breaches(imports, ({ to }) => to.startsWith("src/") || to.startsWith("node:") || TELEMETRY.has(to))).toEqual(
      [],
    );
  });

  test("LAY-03 has a codec that imports nothing but itself", () => {
    const codec = imports.filter(({ from }) => from.startsWith("src/baggage/"));
    expect(codec.length).toBeGreaterThan(5);
    expect(breaches(codec, ({ to }) => to.startsWith("src/baggage/"))).toEqual([]);
  });
});

describe("adapters", () => {
  const imports = importsUnder("adapters");

  test("LAY-04 reach the core through its boundaries alone, and of their folder only what is no adapter itself", () => {
    expect(imports.length).toBeGreaterThan(5);
    const adapters: ReadonlySet<string> = new Set(Object.values(entries).map((file) => posix.normalize(file)));
    const ours = imports.filter(({ to }) => OURS.test(to));
    expect(
      breaches(ours, ({ from, to }) => {
        if (to === "src/adapter.ts") return true;
        if (from.startsWith("adapters/sdk/")) return to === "src/sdk-adapter.ts" || to.startsWith("adapters/sdk/");
        return adapters.has(from) && !adapters.has(to) && dirname(to) === dirname(from);
      }),
    ).toEqual([]);
  });

  test("LAY-05 import Node, OpenTelemetry's API and core, and the framework they are for, its types alone", () => {
    const others = imports.filter(({ to }) => !/^(src|adapters)\//.test(to));
    expect(
      breaches(others, ({ from, to, typeOnly }) => {
        if (to.startsWith("node:") || TELEMETRY.has(to)) return true;
        // The one dependency. The framework itself may not be installed.
        return (FRAMEWORKS[from] ?? []).includes(to) && (typeOnly || to === "fastify-plugin");
      }),
    ).toEqual([]);
  });
});

test("LAY-06 what is public is a file of src, adapters or testing", () => {
  const files = globSync("{src,adapters,testing}/**/*.ts", { cwd: ROOT }).map((file) => `./${file}`);
  for (const file of Object.values(entries)) expect(files).toContain(file);
});

test("LAY-07 uses what is public, and Node: whoever has an adapter of their own can run it with any runner", () => {
  const imports = importsUnder("testing");
  expect(imports.length).toBeGreaterThan(5);
  const published: ReadonlySet<string> = new Set(Object.values(entries).map((file) => posix.normalize(file)));
  expect(
    breaches(imports, ({ to }) => to.startsWith("testing/") || to.startsWith("node:") || published.has(to)),
  ).toEqual([]);
});

test("LAY-08 commands import the core and Node, and nobody imports them", () => {
  const imports = importsUnder("cli");
  expect(imports.length).toBeGreaterThan(5);
  expect(breaches(imports, ({ to }) => /^(src|cli)\//.test(to) || to.startsWith("node:"))).toEqual([]);
  const others = ["src", "adapters", "testing"].flatMap(importsUnder);
  expect(breaches(others, ({ to }) => !to.startsWith("cli/"))).toEqual([]);
});
