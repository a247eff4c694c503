import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodes, type PackageSet, sdk2 } from "../../scripts/package-set.ts";

// What the matrix installs is the project as it is now, with another line of OpenTelemetry's: `npm run test:matrix --
// --lock` makes the lock files anew.

const ROOT = join(import.meta.dirname, "../..");

interface Package {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Versions;
  readonly devDependencies?: Versions;
  readonly workspaces?: readonly string[];
}

interface Versions {
  readonly [name: string]: string;
}

interface Lock {
  readonly packages: Packages;
}

/** The packages of a lock file, each by its folder. */
interface Packages {
  readonly [folder: string]: Package;
}

function packagesIn(lock: string): Packages {
  return (JSON.parse(readFileSync(join(ROOT, lock), "utf8")) as Lock).packages; // why: npm's own form
}

/** What a package.json asks for. */
function wishesOf({ dependencies, devDependencies, workspaces }: Package): Package {
  return { dependencies: dependencies ?? {}, devDependencies: devDependencies ?? {}, workspaces: workspaces ?? [] };
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
}

const SETS: readonly PackageSet[] = [nodes, sdk2];

test.each(SETS)("MX-01 the lock file is that of the package.json beside which it is installed: $name", (set) => {
  const locked = packagesIn(set.lock);
  for (const [path, text] of Object.entries(set.files())) {
    if (!path.endsWith("package.json")) continue;
    const folder = path.slice(0, -"/package.json".length);
    expect(wishesOf(locked[folder] ?? {})).toEqual(wishesOf(JSON.parse(text) as Package)); // why: npm's own form
  }
});

test.each(SETS)("MX-02 it names no registry: $name", (set) => {
  const packages = Object.values(packagesIn(set.lock));
  expect(packages.filter(({ resolved }) => resolved?.includes("://") === true)).toEqual([]);
});

test("MX-03 SDK 2 is all that is there of OpenTelemetry's SDK, with one API", () => {
  const found = Object.entries(packagesIn(sdk2.lock)).map(
    ([folder, { version = "" }]) => [nameOf(folder), version] as const,
  );
  const versionsOf = (pattern: RegExp): readonly string[] =>
    found.filter(([name]) => pattern.test(name)).map(([, version]) => version);
  expect(versionsOf(/^@opentelemetry\/api$/)).toEqual([expect.stringMatching(/^1\.9\./)]);
  const stable = versionsOf(/^@opentelemetry\/(core|resources|context-async-hooks|sdk-(trace|trace-.+|metrics))$/);
  expect(stable.length).toBeGreaterThan(6);
  expect(stable.filter((version) => !version.startsWith("2."))).toEqual([]);
  // Those that are not stable yet have 0.2xx where they go with SDK 2, and 0.3xx with SDK 3.
  expect(versionsOf(/^@opentelemetry\/(api-logs|instrumentation|sdk-(logs|node))$/).filter(isOfSdk3)).toEqual([]);
});

function isOfSdk3(version: string): boolean {
  return !version.startsWith("0.2");
}

test("MX-04 everything else that the project asks for is the same in both lines", () => {
  const [ours, theirs] = [packagesIn("package-lock.json"), packagesIn(sdk2.lock)];
  const wishes = Object.entries(ours)
    .filter(([folder]) => !folder.includes("node_modules/"))
    .flatMap(([, { dependencies, devDependencies }]) => Object.keys({ ...dependencies, ...devDependencies }));
  const names = new Set(wishes.filter((name) => !name.startsWith("@opentelemetry/") && name !== "node"));
  const versions = (packages: Packages): readonly string[] =>
    Object.entries(packages)
      .filter(([folder]) => names.has(nameOf(folder)))
      .map(([folder, { version }]) => `${folder} ${version}`)
      .sort();
  expect(names.size).toBeGreaterThan(40);
  expect(versions(theirs)).toEqual(versions(ours));
});
