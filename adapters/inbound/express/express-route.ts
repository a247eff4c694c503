/** What Express leaves on a request, in versions 4 and 5. */
export interface RoutedRequest {
  readonly baseUrl?: string;
  readonly originalUrl?: string;
  readonly route?: { readonly path?: unknown } | null;
}

/** A segment that is a literal or one whole parameter: it stands for one segment of a URL, no more and no less. */
const WHOLE_SEGMENT = /^:?[^:*?+(){}[\]!\\]+$/;

/** What a request's target may have beside its path, all of it its sender's: Express matches the path alone. */
const BESIDE_PATH = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*|[?#].*$/gi;

/**
 * The route that answered, below the path that its routers are mounted at. Of that Express shows what was called, so
 * that a mount path with parameters has its callers' values. Its routers mostly do not look at case: in lower case, one
 * mount path is one route, however callers write it.
 */
export function expressRoute({ baseUrl = "", originalUrl = "", route }: RoutedRequest): string | undefined {
  const path: unknown = route?.path;
  if (path instanceof RegExp || Array.isArray(path)) return baseUrl.toLowerCase() + path.toString();
  if (typeof path !== "string") return undefined;
  return (mountPath(path, originalUrl) ?? baseUrl).toLowerCase() + (path === "/" ? "" : path) || "/";
}

/** The URL's path in front of what the route matched. Express forgets it where an error leaves the routers. */
function mountPath(path: string, url: string): string | undefined {
  const pattern = segmentsOf(path);
  const called = segmentsOf(url.replace(BESIDE_PATH, ""));
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

function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function isSame(literal: string, called: string | undefined): boolean {
  return literal.toLowerCase() === called?.toLowerCase();
}
