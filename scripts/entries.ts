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
    bin: mapped(commands, (source) => builtOf(source, ".js")),
    exports: {
      // TypeScript takes the first condition that matches, so `types` is first.
      ...mapped(entries, ({ source }) => ({ types: builtOf(source, ".d.ts"), default: builtOf(source, ".js") })),
      "./package.json": "./package.json",
    },
    peerDependencies: { ...Object.fromEntries(required), ...peers },
    peerDependenciesMeta: mapped(peers, () => ({ optional: true })),
  };
}

function withPaths(config: Json): Json {
  const paths = Object.entries(entries).map(([subpath, { source }]) => [subpath.replace(".", PACKAGE), [source]]);
  const options = config["compilerOptions"] as Json; // why: TypeScript's own form
  return { ...config, compilerOptions: { ...options, paths: Object.fromEntries(paths) } };
}

/** The path of the file that the build makes from a source. */
function builtOf(source: string, extension: ".js" | ".d.ts"): string {
  return source.replace("./", "./dist/").replace(/\.ts$/, extension);
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
