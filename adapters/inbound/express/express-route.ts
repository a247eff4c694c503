/** The fields that Express sets on a request, in versions 4 and 5. */
export interface RoutedRequest {
  readonly baseUrl?: string;
  readonly originalUrl?: string;
  readonly route?: { readonly path?: unknown } | null;
}

/** A segment that is a literal or one whole parameter. It matches exactly one segment of a URL. */
const WHOLE_SEGMENT = /^:?[^:*?+(){}[\]!\\]+$/;

/** The scheme and the host of a target in absolute form. Senders choose them; Express matches the path alone. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/**
 * The route that answered, after the path that its routers are mounted at. Express shows the mount path as it was
 * called, so the parameters in it have the caller's values. Express's routers ignore case by default. Lower case makes
 * one route of one mount path, however callers write it.
 */
export function expressRoute({ baseUrl = "", originalUrl = "", route }: RoutedRequest): string | undefined {
  const path: unknown = route?.path;
  if (path instanceof RegExp || Array.isArray(path)) return baseUrl.toLowerCase() + path.toString();
  if (typeof path !== "string") return undefined;
  return (mountPath(path, originalUrl) ?? baseUrl).toLowerCase() + (path === "/" ? "" : path) || "/";
}

/** The URL's path before the part that the route matched. Express forgets it if an error leaves the routers. */
function mountPath(path: string, url: string): string | undefined {
  const pattern = segmentsOf(path);
  const called = segmentsOf(pathOf(url));
  const depth = called.length - pattern.length;
  const fits = pattern.every(
    (segment, i) => WHOLE_SEGMENT.test(segment) && (segment.startsWith(":") || isSame(segment, called[depth + i])),
  );
  if (depth < 0 || !fits) return undefined;
  return called
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
