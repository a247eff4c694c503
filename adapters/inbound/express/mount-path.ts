/** What a layer matched: the beginning of a path. */
interface Match {
  readonly path?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** A layer of Express's routers, in versions 4 and 5: a route, a router or a middleware. */
interface Layer extends Match {
  readonly route?: unknown;
  readonly handle?: { readonly stack?: unknown };
  /** Gives the match, or true if it has set it on the layer. */
  match(path: string): Match | boolean;
}

interface App {
  /** The router in version 4, in which `router` throws. */
  readonly _router?: { readonly stack?: unknown };
  readonly router?: { readonly stack?: unknown };
  readonly parent?: App | undefined;
  readonly mountpath?: unknown;
}

/** The routers that lead to a route, the outermost first. */
type Chain = readonly Layer[];

const MAX_DEPTH = 16;

/** By route. A route belongs to one router; the router may be mounted several times. */
const chains = new WeakMap<object, readonly Chain[]>();

/**
 * The path that the routers of a route are mounted at, with the names of its parameters: `/shops/:shop`. Undefined if the
 * app does not show the way to the route, as where a function of the application's own calls a router.
 *
 * @param path the path of the request's URL
 */
export function mountIn(app: App | undefined, route: object, path: string): string | undefined {
  if (typeof app !== "function" && typeof app !== "object") return undefined;
  const outer = mountOf(app);
  if (outer === undefined) return undefined;
  const inside = `/${path
    .split("/")
    .slice(outer.length + 1)
    .join("/")}`;
  const known = chains.get(route) ?? [...chainsTo(route, stackOf(app._router ?? app.router), [])];
  chains.set(route, known);
  for (const chain of known) {
    const mount = mountBy(chain, inside);
    if (mount !== undefined) return outer.map((segment) => `/${segment}`).join("") + mount;
  }
  return undefined;
}

/** The segments of the path that an app is mounted at in other apps; undefined if they are not one for one a URL's. */
function mountOf(app: App): readonly string[] | undefined {
  const segments: string[] = [];
  for (let inner = app; inner.parent !== undefined; inner = inner.parent) {
    const { mountpath } = inner;
    if (typeof mountpath !== "string" || !/^(?:\/:?[\w.~-]+)*\/?$/.test(mountpath)) return undefined;
    segments.unshift(...mountpath.split("/").filter((segment) => segment !== ""));
  }
  return segments;
}

function* chainsTo(route: object, layers: readonly Layer[], above: Chain): Iterable<Chain> {
  if (above.length > MAX_DEPTH) return;
  for (const layer of layers) {
    if (layer.route === route) yield above;
    else if (layer.route === undefined) yield* chainsTo(route, stackOf(layer.handle), [...above, layer]);
  }
}

function stackOf(router: { readonly stack?: unknown } | undefined): readonly Layer[] {
  // why: only routers have a list of this name, and its elements are layers
  return Array.isArray(router?.stack) ? (router.stack as readonly Layer[]) : [];
}

function mountBy(chain: Chain, path: string): string | undefined {
  let [mount, rest] = ["", path];
  for (const layer of chain) {
    // Matching again may set the layer's own fields, which its router reads at once after it has matched.
    const match = layer.match(rest === "" ? "/" : rest);
    if (match === false) return undefined;
    const { path: matched = "", params = {} } = match === true ? layer : match;
    mount += declared(matched, params);
    rest = rest.slice(matched.length);
  }
  return mount;
}

/** The declaration of a path, from what it matched: the values of its parameters become their names. */
function declared(matched: string, params: Readonly<Record<string, unknown>>): string {
  const segments = matched.split("/").filter((segment) => segment !== "");
  const names = Object.entries(params).filter(([, value]) => value !== undefined);
  for (const [name, value] of names) {
    const at = segments.findLastIndex((segment) => decoded(segment) === value);
    // A parameter that is a part of a segment, or more than one: which part is not known.
    if (at === -1) return segments.map(() => "/*").join("");
    segments[at] = `:${name}`;
  }
  return segments.map((segment) => `/${segment.startsWith(":") ? segment : segment.toLowerCase()}`).join("");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
