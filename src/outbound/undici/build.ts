import { publishingFrames } from "./call-sites.ts";
import { BUILT_IN, packageOf } from "./package.ts";

/**
 * A copy of undici that makes requests. A process may have several, also Node's own, which differ in the async context in
 * which they make a request.
 */
export interface UndiciBuild {
  /** The property of a request that holds its handler. */
  readonly handlerKey: symbol | undefined;
  /** `unknown` is what a bundler has merged into other files. */
  readonly kind: "built-in" | "package" | "unknown";
  /** Of a package: whether a request that waited for a connection is made in the context that it was dispatched in. */
  readonly bindsQueue: boolean;
}

/** More frames than there are between this file and the constructor of the request, which publishes it. */
const MAX_FRAMES = 64;

/** The first version whose pools bind the requests that wait in them (`QueuedRequest` in lib/dispatcher/pool-base.js). */
const BINDING_VERSION = [8, 12, 3] as const;

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
  const script = publishingFrames(MAX_FRAMES)[0]?.scriptName;
  if (script === BUILT_IN) return { handlerKey, kind: "built-in", bindsQueue: false };
  const origin = script === undefined ? undefined : packageOf(script);
  if (origin?.file !== "lib/core/request.js") return { handlerKey, kind: "unknown", bindsQueue: false };
  return { handlerKey, kind: "package", bindsQueue: isAtLeast(origin.version, BINDING_VERSION) };
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split(".").map((part) => Number.parseInt(part, 10));
  for (const [i, number] of least.entries()) {
    const part = parts[i] ?? 0;
    if (part !== number) return part > number;
  }
  return true;
}
