import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Majors {
  readonly sdk: number;
  readonly node: number;
}

/** What the process runs on: the SDK that is installed in a folder, and the Node. */
export function majorsOf(folder: string): Majors {
  return { sdk: major(versionIn(folder, "@opentelemetry/core")), node: major(process.versions.node) };
}

/** The version of a package that is installed in a folder. */
export function versionIn(folder: string, name: string): string {
  const file = join(folder, "node_modules", name, "package.json");
  // why: every installed package's file has it
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

export function major(version: string): number {
  return Number.parseInt(version, 10);
}
