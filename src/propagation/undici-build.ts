import { readFileSync } from "node:fs";
import { getCallSites } from "node:util";

/**
 * What is known of the copy of undici that made a request: a process may hold several, Node's own among them, and they
 * differ in whose async context a request is made in.
 */
export interface UndiciBuild {
  /** Under which a request keeps its handler. */
  readonly handlerKey: symbol | undefined;
  /** `unknown` is what a bundler has merged into other files. */
  readonly kind: "built-in" | "package" | "unknown";
  /** Of a package: its folder, ending with a slash. */
  readonly folder: string;
  /** Of a package: whether a request that waited for a connection is made in the context that it was dispatched in. */
  readonly bindsQueue: boolean;
}

/** The script of Node's own undici. */
export const BUILT_IN = "node:internal/deps/undici/undici";

/** More than lie between here and the constructor of the request, which publishes it. */
const MAX_FRAMES = 64;

const CHANNEL_SCRIPT = "node:diagnostics_channel";
const REQUEST_FILE = "lib/core/request.js";

/** The first version whose pools bind the requests that wait in them (`QueuedRequest` in lib/dispatcher/pool-base.js). */
const BINDING_VERSION = [8, 12, 3] as const;

const builds = new WeakMap<object, UndiciBuild>();

/**
 * The build that made a request, which undici is publishing right now. Looked for once for each class of requests, by
 * the file that publishes.
 */
export function buildOf(request: object): UndiciBuild {
  const { constructor } = request;
  let build = builds.get(constructor);
  if (build === undefined) {
    build = classify(request);
    builds.set(constructor, build);
  }
  return build;
}

function classify(request: object): UndiciBuild {
  const handlerKey = Object.getOwnPropertySymbols(request).find(({ description }) => description === "handler");
  const script = publishingScript();
  if (script === BUILT_IN) return { handlerKey, kind: "built-in", folder: "", bindsQueue: false };
  const folder = script?.endsWith(`/${REQUEST_FILE}`) === true ? script.slice(0, -REQUEST_FILE.length) : undefined;
  const version = folder === undefined ? undefined : versionIn(folder);
  if (folder === undefined || version === undefined) {
    return { handlerKey, kind: "unknown", folder: "", bindsQueue: false };
  }
  return { handlerKey, kind: "package", folder, bindsQueue: isAtLeast(version, BINDING_VERSION) };
}

/** The script of the constructor that publishes, whose caller is `publish`. */
function publishingScript(): string | undefined {
  // Without source maps: what bundled code was before has nothing to say of how it runs now.
  const frames = getCallSites(MAX_FRAMES, { sourceMap: false });
  const at = frames.findIndex(({ scriptName }) => scriptName === CHANNEL_SCRIPT);
  const frame = at === -1 ? undefined : frames[at + 1];
  return frame?.functionName === "Request" ? pathOf(frame.scriptName) : undefined;
}

/** A script's path with slashes, also on Windows. */
export function pathOf(scriptName: string): string {
  return scriptName.replaceAll("\\", "/");
}

/** The version of the package in a folder; undefined where it is not undici. */
function versionIn(folder: string): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("name" in manifest && "version" in manifest)) {
      return undefined;
    }
    return manifest.name === "undici" && typeof manifest.version === "string" ? manifest.version : undefined;
  } catch {
    // Without a manifest it is nothing that we know.
    return undefined;
  }
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split(".").map((part) => Number.parseInt(part, 10));
  for (const [i, number] of least.entries()) {
    const part = parts[i] ?? 0;
    if (part !== number) return part > number;
  }
  return true;
}
