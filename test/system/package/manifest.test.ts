import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands, entries } from "../../../package-entries.ts";
import { comparedTexts, FILES } from "../../../scripts/entries.ts";
import { SCOPE_NAME, VERSION } from "../../../src/version.ts";
import { ROOT } from "../../support/packed-package.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly sideEffects: readonly string[];
  readonly engines: { readonly node: string };
  readonly files: readonly string[];
  readonly exports: { readonly [subpath: string]: string | { readonly [condition: string]: object } };
  readonly bin: object;
  readonly dependencies: object;
  readonly peerDependencies: object;
  readonly peerDependenciesMeta: { readonly [name: string]: { readonly optional: boolean } };
}

// why: the two files are ours, and the tests below are about what stands in them
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
const compiler = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8")) as {
  readonly compilerOptions: { readonly paths: object };
};

test("PKG-01 exports are the entries that the build makes, in both formats, each with its types, and package.json", () => {
  expect(Object.keys(manifest.exports)).toEqual([...Object.keys(entries), "./package.json"]);
  for (const target of Object.values(manifest.exports).filter((one) => typeof one === "object")) {
    // Node takes the first format for `import` and for `require`: a process has one copy of the package.
    expect(Object.keys(target)).toEqual(["module-sync", "require", "default"]);
    // The types come first, or TypeScript does not find them.
    for (const format of Object.values(target)) expect(Object.keys(format)).toEqual(["types", "default"]);
  }
});

test("PKG-02 the compiler finds the same entries under the same names", () => {
  const expected = Object.entries(entries).map(([subpath, { source }]) => [
    subpath.replace(".", manifest.name),
    [source],
  ]);
  expect(compiler.compilerOptions.paths).toEqual(Object.fromEntries(expected));
});

test("PKG-03 the version and the name that our telemetry gives are the package's", () => {
  expect({ version: VERSION, name: SCOPE_NAME }).toEqual({ version: manifest.version, name: manifest.name });
});

test("PKG-04 what not everyone needs is an optional peer, and fastify-plugin is the only dependency", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["fastify-plugin"]);
  const optional = Object.keys(manifest.peerDependencies).filter(
    (name) => manifest.peerDependenciesMeta[name]?.optional === true,
  );
  const required = Object.keys(manifest.peerDependencies).filter((name) => !optional.includes(name));
  expect(required).toEqual(["@opentelemetry/api", "@opentelemetry/core"]);
  expect(Object.keys(manifest.peerDependenciesMeta).sort()).toEqual(optional.sort());
});

test("PKG-05 it is without side effects but register's, for the supported Node versions, and publishes the build and the documentation alone", () => {
  expect(manifest).toMatchObject({
    type: "module",
    sideEffects: ["./dist/adapters/sdk/register.js", "./dist/cjs/adapters/sdk/register.cjs"],
    engines: { node: ">=22.15" },
    files: ["dist", "docs", "CHANGELOG.md"],
  });
});

test("PKG-06 the commands are those that the build makes", () => {
  const built = Object.entries(commands).map(([name, source]) => [
    name,
    source.replace("./", "./dist/").replace(/\.ts$/, ".js"),
  ]);
  expect(manifest.bin).toEqual(Object.fromEntries(built));
});

test.each(FILES)("PKG-07 the facts of package-entries.ts stand in the files that cannot read it: %s", (file) => {
  const { actual, expected } = comparedTexts(file);
  expect(actual, `${file} differs from package-entries.ts: run npm run entries`).toBe(expected);
});
