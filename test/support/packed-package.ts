import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { PACKING_FOLDER } from "./packing-folder.ts";

export const ROOT: string = join(import.meta.dirname, "../..");

/** PATH with the Node of the tests first, then the project's tools. */
const PATH = [dirname(process.execPath), join(ROOT, "node_modules/.bin"), process.env["PATH"]].join(delimiter);

/** Runs a tool, and returns its output. If the tool fails, the promise rejects with both outputs in the message. */
export async function run(directory: string, command: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH, NO_COLOR: "1", FORCE_COLOR: "0" };
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: directory, env, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string }; // why: execFile's error has them
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** The package as published, and projects that use it. */
export interface PackedPackage extends AsyncDisposable {
  /** The folder of the build. Other test files also read it. */
  readonly scratch: string;
  readonly tarball: string;
  /** The tarball's content. */
  readonly content: string;
  /** A project with the package installed, and those of this project's dependencies that it names. */
  consumer(name: string, dependencies: readonly string[], files: { readonly [path: string]: string }): Promise<string>;
}

/** The files of the project that the build and the tarball need. */
const SOURCES = [
  "package.json",
  "package-entries.ts",
  "tsdown.config.ts",
  "tsconfig.json",
  "src",
  "adapters",
  "cli",
  "testing",
  "docs",
];
/** The files that npm adds by itself if they exist. */
const TEXTS = ["README.md", "LICENSE", "CHANGELOG.md"];

/**
 * The working tree's package, built and packed once for all test files of a run, without the network and without
 * changing the project's own `dist`. Each caller's consumers are in their own directory, which disposal removes.
 */
export async function packPackage(): Promise<PackedPackage> {
  const built = await builtOnce();
  const directory = await mkdtemp(join(tmpdir(), "otel-experiments-consumers-"));
  return {
    scratch: built,
    tarball: join(built, TARBALL),
    content: join(built, CONTENT),
    consumer: (name, dependencies, files) => install(join(directory, name), join(built, CONTENT), dependencies, files),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

const TARBALL = "package.tgz";
/** npm's name for the folder in a tarball. */
const CONTENT = "package";

/** The folder with the tarball and its content. The first process builds it, and the others wait. */
async function builtOnce(): Promise<string> {
  const folder = process.env[PACKING_FOLDER];
  if (folder === undefined) throw new Error(`${PACKING_FOLDER} is not set: vitest.config.ts sets it up`);
  const [done, failed] = [join(folder, "done"), join(folder, "failed")];
  if (await isFirst(join(folder, "begun"))) {
    try {
      await pack(folder, join(folder, "source"));
      await run(folder, "tar", "-xzf", join(folder, TARBALL));
      await writeFile(done, "");
    } catch (error) {
      await writeFile(failed, String(error));
      throw error;
    }
  }
  while (!existsSync(done)) {
    if (existsSync(failed)) throw new Error(`the package could not be packed: ${readFileSync(failed, "utf8")}`);
    await pause(20);
  }
  return folder;
}

/** True for the one process that creates the directory. */
async function isFirst(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false; // why: mkdir rejects with a system error
    throw error;
  }
}

async function pack(scratch: string, source: string): Promise<void> {
  for (const file of [...SOURCES, ...TEXTS.filter((text) => existsSync(join(ROOT, text)))]) {
    await cp(join(ROOT, file), join(source, file), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(source, "node_modules"));
  await run(source, "tsdown");
  const npm = ["pack", "--ignore-scripts", "--offline", "--silent", `--cache=${join(scratch, "cache")}`];
  await rename(join(source, (await run(source, "npm", ...npm)).trim()), join(scratch, TARBALL));
}

async function install(
  directory: string,
  content: string,
  dependencies: readonly string[],
  files: { readonly [path: string]: string },
): Promise<string> {
  const modules = join(directory, "node_modules");
  await cp(content, join(modules, "otel-experiments"), { recursive: true });
  for (const dependency of dependencies) {
    await mkdir(dirname(join(modules, dependency)), { recursive: true });
    await symlink(join(ROOT, "node_modules", dependency), join(modules, dependency));
  }
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  return directory;
}
