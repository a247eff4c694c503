import { readFileSync } from "node:fs";

/** The script of Node's own undici. */
export const BUILT_IN = "node:internal/deps/undici/undici";

/** A file of an installed undici. */
export interface UndiciFile {
  /** From the package's folder, with slashes. */
  readonly file: string;
  readonly version: string;
}

/** How undici's folders lie within its package. */
const LAYOUT = /^lib\/(?:api|cache|core|dispatcher|handler|interceptor|mock|util|web)\/.+\.js$/;

/** The versions by the folders of packages that were looked at; null is none of undici's. */
const versions = new Map<string, string | null>();

/** Which file of undici a script is; undefined for every other one, and for what is bundled. */
export function packageOf(scriptName: string): UndiciFile | undefined {
  const path = scriptName.replaceAll("\\", "/");
  const start = path.lastIndexOf("/lib/") + 1;
  const [folder, file] = [path.slice(0, start), path.slice(start)];
  if (!LAYOUT.test(file)) return undefined;
  let version = versions.get(folder);
  if (version === undefined) {
    version = versionIn(folder);
    versions.set(folder, version);
  }
  return version === null ? undefined : { file, version };
}

function versionIn(folder: string): string | null {
  try {
    const manifest: unknown = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("name" in manifest && "version" in manifest))
      return null;
    return manifest.name === "undici" && typeof manifest.version === "string" ? manifest.version : null;
  } catch {
    // Without a manifest it is nothing that we know.
    return null;
  }
}
