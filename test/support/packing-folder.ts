import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Names the folder in which the run's one tarball is built, for every process of the run. */
export const PACKING_FOLDER = "PACKED_PACKAGE_FOLDER";

/** Before all test files: the first file that needs the tarball builds it there. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "otel-experiments-packed-"));
  process.env[PACKING_FOLDER] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
