import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";

/** How a page may be kept: for a minute; only if it is validated at each use; validated while an old one is shown. */
const CACHE_CONTROL = {
  fresh: "public, max-age=60",
  slow: "public, max-age=60",
  stale: "public, max-age=0, must-revalidate",
  background: "public, max-age=0, stale-while-revalidate=60",
} as const;

type PageKind = keyof typeof CACHE_CONTROL;

/** A server whose pages may be cached. */
export interface CachingOrigin extends WireServer {
  /** A new path, which no cache has seen. */
  path(kind?: PageKind): string;
}

/**
 * Starts a server whose pages depend on the variant of `checkout`, and which says so by `Vary`. A page of `stale` must be
 * validated at each use, one of `slow` takes some milliseconds; `/go/URL` redirects.
 */
export async function startCachingOrigin(): Promise<CachingOrigin> {
  let paths = 0;
  const server = await startWireServer(async ({ start, lines }) => {
    const [, kind = "", target = ""] = (start.split(" ")[1] ?? "").split("/");
    if (kind === "go")
      return { status: 302, lines: [`location: ${decodeURIComponent(target)}`, "cache-control: no-store"] };
    const variant = /variant=(\w+)/.exec(headerValues(lines, "baggage").join())?.[1] ?? "none";
    const common = ["vary: accept, Baggage", `date: ${new Date().toUTCString()}`, `etag: "${variant}"`];
    if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, 5));
    const isKnown = headerValues(lines, "if-none-match").includes(`"${variant}"`);
    const headers = [...common, `cache-control: ${CACHE_CONTROL[isKind(kind) ? kind : "fresh"]}`];
    return isKnown ? { status: 304, lines: headers } : { body: `page of ${variant}`, lines: headers };
  });
  return { ...server, path: (kind = "fresh") => `${server.origin}/${kind}/${++paths}` };
}

function isKind(kind: string): kind is PageKind {
  return Object.hasOwn(CACHE_CONTROL, kind);
}
