import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { removeOnExit, runCommand } from "./command.ts";

const ROOT = join(import.meta.dirname, "..");

/** Packages that are installed together, apart from the project's own. Their committed lock file fixes the versions. */
export interface PackageSet {
  readonly name: string;
  /** The lock file, from the project's root. */
  readonly lock: string;
  /** The files that npm needs beside the lock file: their texts, by path. */
  files(): { readonly [path: string]: string };
  /** The lock file that a new one starts from, so that it differs only where it must. */
  readonly basis?: string;
}

/** The Nodes that the matrix adds to the pinned one. */
export const nodes: PackageSet = {
  name: "nodes",
  lock: "test/system/matrix/nodes/package-lock.json",
  files: () => ({ ".npmrc": read(".npmrc"), "package.json": read("test/system/matrix/nodes/package.json") }),
};

/** The project's packages with another line of OpenTelemetry's SDK. Nothing else differs. */
export const sdk2: PackageSet = {
  name: "sdk-2",
  lock: "test/system/matrix/sdk-2/package-lock.json",
  files() {
    const { devDependencies, ...rest } = project();
    const { node: _, ...others } = devDependencies; // The matrix chooses the Node, not the set.
    const line = JSON.parse(read("test/system/matrix/sdk-2/opentelemetry.json")) as Versions; // why: versions by name
    const files: { [path: string]: string } = {
      ".npmrc": read(".npmrc"),
      "package.json": asText({ ...rest, devDependencies: { ...others, ...line } }),
    };
    for (const workspace of workspaces()) {
      const path = `${workspace}/package.json`;
      files[path] = read(path);
    }
    return files;
  },
  basis: "package-lock.json",
};

interface Versions {
  readonly [name: string]: string;
}

/** The fields of the project's package.json that are read here. */
interface Project {
  readonly workspaces: readonly string[];
  readonly devDependencies: Versions;
}

function project(): Project {
  return JSON.parse(read("package.json")) as Project; // why: the project's own file
}

/** The project's folders with their own packages. */
export function workspaces(): readonly string[] {
  return project().workspaces;
}

/** The folder where the set is installed: from the cache if it is there, else newly made. */
export async function installed(set: PackageSet, cache: string): Promise<string> {
  const files = { ...set.files(), "package-lock.json": read(set.lock) };
  const key = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 16);
  const folder = join(cache, `${set.name}-${key}`);
  if (existsSync(folder)) return folder;
  // The folder gets its final name only when it is complete, so another run never finds a partial one.
  const unfinished = `${folder}-${process.pid}`;
  removeOnExit(unfinished);
  write(unfinished, files);
  await npm(unfinished, "ci");
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // Else another run was faster.
  }
  return folder;
}

/** Makes the set's lock file again, with the newest versions that its package.json allows. Nothing else changes. */
export async function relock(set: PackageSet, scratch: string): Promise<void> {
  // Without node_modules: otherwise npm would omit the packages for other platforms.
  const folder = join(scratch, `lock-${set.name}`);
  write(folder, { ...set.files(), "package-lock.json": read(set.basis ?? set.lock) });
  await npm(folder, "install", "--package-lock-only");
  writeFileSync(join(ROOT, set.lock), readFileSync(join(folder, "package-lock.json")));
  rmSync(folder, { recursive: true });
}

async function npm(folder: string, ...args: readonly string[]): Promise<void> {
  // SIGKILL: otherwise npm continues for a while, and writes to a folder that is gone.
  const options = { cwd: folder, stopBy: "SIGKILL" } as const;
  const code = await runCommand(["npm", ...args, "--no-fund", "--no-audit", "--loglevel=error"], options);
  if (code !== 0) throw new Error(`npm ${args.join(" ")} ended with ${code}. Is the npm registry reachable?`);
}

function write(folder: string, files: { readonly [path: string]: string }): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function asText(json: object): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}
