import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export const ROOT: string = join(import.meta.dirname, "../..");

const BIN = join(ROOT, "node_modules/.bin");

/** What a tool wrote. One that fails rejects, with both outputs in the message. */
export async function run(directory: string, command: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${BIN}:${process.env["PATH"]}`, NO_COLOR: "1", FORCE_COLOR: "0" };
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
  readonly tarball: string;
  /** The tarball's content. */
  readonly content: string;
  /** A project that has the package installed, beside those of our own dependencies that it names. */
  consumer(name: string, dependencies: readonly string[], files: { readonly [path: string]: string }): Promise<string>;
}

/** Builds and packs what the working tree holds, without the network and without touching the project's own `dist`. */
export async function packPackage(): Promise<PackedPackage> {
  const scratch = await mkdtemp(join(tmpdir(), "otel-experiments-package-"));
  const source = join(scratch, "source");
  await mkdir(source);
  for (const file of ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]) {
    if (existsSync(join(ROOT, file))) await cp(join(ROOT, file), join(source, file));
  }
  await run(ROOT, "tsdown", "--out-dir", join(source, "dist"));
  const npm = ["pack", "--ignore-scripts", "--offline", "--silent", `--cache=${join(scratch, "cache")}`];
  const tarball = join(source, (await run(source, "npm", ...npm)).trim());
  await run(scratch, "tar", "-xzf", tarball);
  const content = join(scratch, "package");

  return {
    tarball,
    content,
    async consumer(name, dependencies, files) {
      const directory = join(scratch, name);
      const modules = join(directory, "node_modules");
      await cp(content, join(modules, "otel-experiments"), { recursive: true });
      for (const dependency of dependencies) {
        await mkdir(dirname(join(modules, dependency)), { recursive: true });
        await symlink(join(ROOT, "node_modules", dependency), join(modules, dependency));
      }
      for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
      return directory;
    },
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }),
  };
}
