/**
 * Writes the facts of `package-entries.ts` to the JSON files that cannot import it: `npm run entries`. Everything else
 * in these files stays unchanged.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands, entries, peers } from "../package-entries.ts";

/** A parsed JSON file that holds an object. */
interface Json {
  readonly [key: string]: unknown;
}

const ROOT = join(import.meta.dirname, "..");
const PACKAGE = "otel-experiments";

/** The files that repeat the list. */
export const FILES: readonly string[] = ["package.json", "tsconfig.json"];

/** The text of one of {@link FILES} in two states: as it is, and as the list requires. Both have the same format. */
export function comparedTexts(file: string): { readonly actual: string; readonly expected: string } {
  const actual = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as Json; // why: both files hold an object
  const expected = file === "package.json" ? withManifestFacts(actual) : withPaths(actual);
  return { actual: asText(actual), expected: asText(expected) };
}

function withManifestFacts(manifest: Json): Json {
  const optional = Object.keys(manifest["peerDependenciesMeta"] as Json); // why: npm's own form
  const required = Object.entries(manifest["peerDependencies"] as Json).filter(([name]) => !optional.includes(name)); // why: as above
  return {
    ...manifest,
    bin: mapped(commands, (source) => builtOf(source).module.default),
    ...commonJsFacts(),
    exports: { ...mapped(entries, ({ source }) => conditionsOf(source)), "./package.json": "./package.json" },
    peerDependencies: { ...Object.fromEntries(required), ...peers },
    peerDependenciesMeta: mapped(peers, () => ({ optional: true })),
  };
}

function withPaths(config: Json): Json {
  const paths = Object.entries(entries).map(([subpath, { source }]) => [subpath.replace(".", PACKAGE), [source]]);
  const options = config["compilerOptions"] as Json; // why: TypeScript's own form
  return { ...config, compilerOptions: { ...options, paths: Object.fromEntries(paths) } };
}

/**
 * The formats of an entry. Node itself takes the ES module for `import` and for `require`, so a process of Node's has
 * one copy of the package. CommonJS is for what knows no `require` of ES modules, such as Jest.
 */
function conditionsOf(source: string): Json {
  const { module, commonJs } = builtOf(source);
  return { "module-sync": module, require: commonJs, default: module };
}

/** What finds the entries where `exports` is not read: TypeScript with `moduleResolution: node10`. */
function commonJsFacts(): Json {
  const subpaths = Object.entries(entries).filter(([subpath]) => subpath !== ".");
  const types = subpaths.map(([subpath, { source }]) => [subpath.slice("./".length), [builtOf(source).commonJs.types]]);
  const { types: typesOfMain, default: main } = builtOf("./src/index.ts").commonJs;
  return { main, types: typesOfMain, typesVersions: { "*": Object.fromEntries(types) } };
}

interface Built {
  /** First, since TypeScript takes the first condition that matches. */
  readonly types: string;
  readonly default: string;
}

/** The paths of the files that the build makes from a source. */
export function builtOf(source: string): { readonly module: Built; readonly commonJs: Built } {
  const path = source.replace("./", "").replace(/\.ts$/, "");
  return {
    module: { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` },
    commonJs: { types: `./dist/cjs/${path}.d.cts`, default: `./dist/cjs/${path}.cjs` },
  };
}

function mapped<Value>(values: { readonly [key: string]: Value }, map: (value: Value) => unknown): Json {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

function asText(json: Json): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

if (import.meta.main) {
  for (const file of FILES) writeFileSync(join(ROOT, file), comparedTexts(file).expected);
  execFileSync("biome", ["format", "--write", ...FILES], { cwd: ROOT, stdio: "inherit" });
}
