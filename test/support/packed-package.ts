import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

export const ROOT: string = join(import.meta.dirname, "../..");

/** First the Node that runs the tests, then the project's tools. */
const PATH = [dirname(process.execPath), join(ROOT, "node_modules/.bin"), process.env["PATH"]].join(delimiter);

/** What a tool wrote. One that fails rejects, with both outputs in the message. */
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

/** The package as it would be published, in a temporary directory. */
export interface PackedPackage extends AsyncDisposable {
  /** Where it was built. */
  readonly scratch: string;
  readonly tarball: string;
  /** The tarball's content. */
  readonly content: string;
  /** A project that has the package installed, beside those of our own dependencies that it names. */
  consumer(name: string, dependencies: readonly string[], files: { readonly [path: string]: string }): Promise<string>;
}

/** What the build and the tarball need of the project. */
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
/** What npm adds of itself where it is there. */
const TEXTS = ["README.md", "LICENSE", "CHANGELOG.md"];

/** Builds and packs a copy of the working tree, without the network and without touching the project's own `dist`. */
export async function packPackage(): Promise<PackedPackage> {
  const scratch = await mkdtemp(join(tmpdir(), "otel-experiments-package-"));
  const dispose = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  try {
    const tarball = await pack(scratch, join(scratch, "source"));
    await run(scratch, "tar", "-xzf", tarball);
  } catch (error) {
    await dispose();
    throw error;
  }
  const content = join(scratch, "package");
  return {
    scratch,
    tarball: join(scratch, "package.tgz"),
    content,
    consumer: (name, dependencies, files) => install(join(scratch, name), content, dependencies, files),
    [Symbol.asyncDispose]: dispose,
  };
}

async function pack(scratch: string, source: string): Promise<string> {
  for (const file of [...SOURCES, ...TEXTS.filter((text) => existsSync(join(ROOT, text)))]) {
    await cp(join(ROOT, file), join(source, file), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(source, "node_modules"));
  await run(source, "tsdown");
  const npm = ["pack", "--ignore-scripts", "--offline", "--silent", `--cache=${join(scratch, "cache")}`];
  const tarball = join(scratch, "package.tgz");
  await rename(join(source, (await run(source, "npm", ...npm)).trim()), tarball);
  return tarball;
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
