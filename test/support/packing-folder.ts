import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The variable that tells every process of the run in which folder its one tarball is built. */
export const PACKING_FOLDER = "PACKED_PACKAGE_FOLDER";

/** Runs before all test files. The first file that needs the tarball builds it in this folder. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "otel-experiments-packed-"));
  process.env[PACKING_FOLDER] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
