import { readFileSync } from "node:fs";
import util from "node:util";

/**
 * A copy of undici that makes requests. A process may have several, also Node's own, which differ in the async context in
 * which they make a request.
 */
export interface UndiciBuild {
  /** The property of a request that holds its handler. */
  readonly handlerKey: symbol | undefined;
  /** Whether the copy is Node's own. */
  readonly isBuiltIn: boolean;
  /**
   * Whether a request that waited for a connection is made in the context that it was dispatched in. False for Node's
   * own, and for a copy that a bundler has merged into other files.
   */
  readonly bindsQueue: boolean;
}

/** The script of Node's own undici. */
const BUILT_IN = "node:internal/deps/undici/undici";

/** The script of the constructor of requests, in undici's folder. */
const REQUEST_SCRIPT = /^(.*[\\/])lib[\\/]core[\\/]request\.js$/;

/** The first version whose pools bind waiting requests to their context (`QueuedRequest` in lib/dispatcher/pool-base.js). */
const BINDING_VERSION = [8, 12, 3] as const;

/** More frames than there are between this file and the constructor of the request, which publishes it. */
const MAX_FRAMES = 64;

const CHANNEL_SCRIPT = "node:diagnostics_channel";

const builds = new WeakMap<object, UndiciBuild>();

/**
 * The build that made the request that is being published. Found once for each class of requests, by the publishing
 * file.
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
  const [, folder] = REQUEST_SCRIPT.exec(script ?? "") ?? [];
  const version = folder === undefined ? undefined : undiciVersionIn(folder);
  return {
    handlerKey,
    isBuiltIn: script === BUILT_IN,
    bindsQueue: version !== undefined && isAtLeast(version, BINDING_VERSION),
  };
}

/** The script of the constructor that publishes, whose caller is `publish`. */
function publishingScript(): string | undefined {
  // Node below 22.15 has no such function, or another one: a named import would keep the package from being loaded at all.
  const { getCallSites }: Partial<typeof util> = util;
  // Without source maps: the original file of bundled code says nothing of how the code runs now.
  const frames = getCallSites?.(MAX_FRAMES, { sourceMap: false }) ?? [];
  const at = frames.findIndex(({ scriptName }) => scriptName === CHANNEL_SCRIPT);
  const frame = at === -1 ? undefined : frames[at + 1];
  return frame?.functionName === "Request" ? frame.scriptName : undefined;
}

/** Undefined without a manifest, and for another package. */
function undiciVersionIn(folder: string): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
    if (typeof manifest !== "object" || manifest === null) return undefined;
    if (!("name" in manifest && "version" in manifest) || manifest.name !== "undici") return undefined;
    return typeof manifest.version === "string" ? manifest.version : undefined;
  } catch {
    // Without a manifest the version is unknown.
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
