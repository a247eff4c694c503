import { processWide } from "../../../src/adapter.ts";
import { mountIn } from "./mount-path.ts";

/** The fields that Express sets on a request, in versions 4 and 5. */
export interface RoutedRequest {
  readonly app?: object | undefined;
  readonly baseUrl?: string;
  readonly originalUrl?: string;
  readonly route?: { readonly path?: unknown } | null;
}

/** A segment that is a literal or one whole parameter. It matches exactly one segment of a URL. */
const WHOLE_SEGMENT = /^:?[^:*?+(){}[\]!\\]+$/;

/** The scheme and the host of a target in absolute form. Senders choose them; Express matches the path alone. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Mount paths that are taken as they were called, in a process. Callers choose them, so there are few. */
const MAX_CALLED = 20;

const calledMounts = processWide("called-mounts.v1", () => new Set<string>());

/**
 * The route that answered, after the path that its routers are mounted at, as it was declared. If the router of the route
 * is not found among the app's, its mount path is the one that was called, in lower case, since Express's routers ignore
 * case by default; then there is no route for a further mount path beyond 20.
 */
export function expressRoute({ app, baseUrl = "", originalUrl = "", route }: RoutedRequest): string | undefined {
  const path: unknown = route?.path;
  const isPattern = path instanceof RegExp || Array.isArray(path);
  if (route === undefined || route === null || (!isPattern && typeof path !== "string")) return undefined;
  const end = path === "/" ? "" : String(path);
  const called = pathOf(originalUrl);
  const declared = mountIn(app, route, called);
  if (declared !== undefined) return declared + end || "/";
  const mount = ((isPattern ? undefined : mountBefore(end, called)) ?? baseUrl).toLowerCase();
  if (mount !== "" && !calledMounts().has(mount)) {
    if (calledMounts().size >= MAX_CALLED) return undefined;
    calledMounts().add(mount);
  }
  return mount + end || "/";
}

/** The URL's path before the part that the route matched. Express forgets it if an error leaves the routers. */
function mountBefore(path: string, called: string): string | undefined {
  const pattern = segmentsOf(path);
  const segments = segmentsOf(called);
  const depth = segments.length - pattern.length;
  const fits = pattern.every(
    (segment, i) => WHOLE_SEGMENT.test(segment) && (segment.startsWith(":") || isSame(segment, segments[depth + i])),
  );
  if (depth < 0 || !fits) return undefined;
  return segments
    .slice(0, depth)
    .map((segment) => `/${segment}`)
    .join("");
}

/** The path of a request's target, without host, query and fragment. */
function pathOf(target: string): string {
  const whole = target.replace(ORIGIN, "");
  const end = whole.search(/[?#]/);
  return end === -1 ? whole : whole.slice(0, end);
}

function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function isSame(literal: string, called: string | undefined): boolean {
  return literal.toLowerCase() === called?.toLowerCase();
}
