import { globSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { type Entry, entries } from "../../package-entries.ts";
import { always, doors, rooms } from "../project/rooms.ts";

// The direction of the project, read from the files themselves, so that it holds without the linter too:
// testing → adapters → src, cli → src, and src → nothing of ours, no framework and no SDK.

const ROOT = join(import.meta.dirname, "../..");

/** What OpenTelemetry promises to libraries. */
const TELEMETRY: ReadonlySet<string> = new Set(["@opentelemetry/api", "@opentelemetry/core"]);

/** A file of the project, as an import names it from the project's root. */
const OURS = /^(src|adapters|cli|report|test|testing|examples|bench)\//;

/** What is public, by the path of its source from the project's root. */
const PUBLISHED: ReadonlyMap<string, Entry> = new Map(
  Object.values(entries).map((entry) => [posix.normalize(entry.source), entry]),
);

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

/** The folder of `src` in which a file lies, or the file itself. */
function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
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

  test("LAY-03 imports down the floors alone, types included, and only where the table says so", () => {
    const ours = imports.filter(({ to }) => to.startsWith("src/"));
    expect(
      breaches(ours, ({ from, to }) => {
        const [source, target] = [roomOf(from), roomOf(to)];
        if (source === target || always.includes(target)) return true;
        const room = rooms[source];
        if (room !== undefined) return room.imports.includes(target);
        const floor = doors[source];
        return floor !== undefined && (target in rooms || (doors[target] ?? Number.POSITIVE_INFINITY) < floor);
      }),
    ).toEqual([]);
  });

  test("LAY-09 has the folders and files of the table, on at most nine floors, and no arrow that is not used", () => {
    const files = globSync("src/**/*.ts", { cwd: ROOT });
    expect(new Set(files.map(roomOf))).toEqual(new Set([...Object.keys(rooms), ...Object.keys(doors), ...always]));
    for (const [name, { floor, imports: lower }] of Object.entries(rooms)) {
      for (const other of lower) expect(rooms[other]?.floor, `${name} -> ${other}`).toBeLessThan(floor);
      const used = new Set(imports.filter(({ from }) => roomOf(from) === name).map(({ to }) => roomOf(to)));
      expect(
        lower.filter((other) => !used.has(other)),
        `${name} does not use`,
      ).toEqual([]);
    }
    const floors = [...Object.values(rooms).map(({ floor }) => floor), ...Object.values(doors)];
    expect(Math.max(...floors)).toBeLessThanOrEqual(9);
  });

  test("LAY-10 has no circle of files, types included", () => {
    const next = new Map<string, string[]>();
    for (const { from, to } of imports) if (to.startsWith("src/")) next.set(from, [...(next.get(from) ?? []), to]);
    const seen = new Map<string, "open" | "done">();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (seen.get(file) === "open") circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      if (seen.has(file)) return;
      seen.set(file, "open");
      for (const to of next.get(file) ?? []) visit(to, [...path, file]);
      seen.set(file, "done");
    };
    for (const file of next.keys()) visit(file, []);
    expect(circles).toEqual([]);
  });
});

describe("adapters", () => {
  const imports = importsUnder("adapters");

  test("LAY-04 reach the core through its boundaries alone, and of the adapters only their own parts", () => {
    expect(imports.length).toBeGreaterThan(5);
    const ours = imports.filter(({ to }) => OURS.test(to));
    expect(
      breaches(ours, ({ from, to }) => {
        if (to === "src/adapter.ts") return true;
        if (from.startsWith("adapters/sdk/")) return to === "src/sdk-adapter.ts" || to.startsWith("adapters/sdk/");
        return (
          to.startsWith(`${from.replace(/\.ts$/, "")}/`) || (!PUBLISHED.has(from) && dirname(to) === dirname(from))
        );
      }),
    ).toEqual([]);
  });

  test("LAY-05 import Node, OpenTelemetry's API and core, and the framework they are for, its types alone", () => {
    const others = imports.filter(({ to }) => !/^(src|adapters)\//.test(to));
    expect(
      breaches(others, ({ from, to, typeOnly }) => {
        if (to.startsWith("node:") || TELEMETRY.has(to)) return true;
        // The one dependency. The framework itself may not be installed.
        return (PUBLISHED.get(from)?.imports ?? []).includes(to) && (typeOnly || to === "fastify-plugin");
      }),
    ).toEqual([]);
  });
});

test("LAY-06 what is public is a file of src, adapters or testing, and each adapter is public", () => {
  const files = globSync("{src,adapters,testing}/**/*.ts", { cwd: ROOT });
  for (const file of PUBLISHED.keys()) expect(files).toContain(file);
  const adapters = globSync("adapters/{*,inbound/*,outbound/*}.ts", { cwd: ROOT });
  expect(adapters.filter((file) => !PUBLISHED.has(file))).toEqual([]);
});

test("LAY-07 uses what is public, and Node: whoever has an adapter of their own can run it with any runner", () => {
  const imports = importsUnder("testing");
  expect(imports.length).toBeGreaterThan(5);
  expect(
    breaches(imports, ({ to }) => to.startsWith("testing/") || to.startsWith("node:") || PUBLISHED.has(to)),
  ).toEqual([]);
});

test("LAY-08 commands import the core and Node, and nobody imports them", () => {
  const imports = importsUnder("cli");
  expect(imports.length).toBeGreaterThan(5);
  expect(breaches(imports, ({ to }) => /^(src|cli)\//.test(to) || to.startsWith("node:"))).toEqual([]);
  const others = ["src", "adapters", "testing"].flatMap(importsUnder);
  expect(breaches(others, ({ to }) => !to.startsWith("cli/"))).toEqual([]);
});

test("LAY-11 the report's statistics import themselves and the distribution functions, and nothing that is not pure", () => {
  const imports = importsUnder("report/statistics");
  expect(imports.length).toBeGreaterThan(20);
  expect(breaches(imports, ({ to }) => to.startsWith("report/statistics/") || to.startsWith("@stdlib/"))).toEqual([]);
  const clocks = globSync("report/statistics/*.ts", { cwd: ROOT }).filter((file) =>
    /\b(Date|performance|process|Math\.random|fetch|setTimeout)\b/.test(readFileSync(join(ROOT, file), "utf8")),
  );
  expect(clocks).toEqual([]);
});
