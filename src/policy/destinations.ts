import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { askPredicate } from "../checks/predicate.ts";

/**
 * The destinations of own members: an origin (`https://api.shop.internal`), an origin with `*` as its whole first label
 * (`https://*.shop.internal`), `queue:NAME` for anything other than HTTP, a predicate, or a forward proxy.
 */
export type PropagateTo = readonly (string | ((url: URL) => boolean) | ForwardProxy)[];

/** A proxy that is not a tunnel, and so sees own members. Requests through it are judged by their targets. */
export interface ForwardProxy {
  /** The proxy's origin, such as `http://proxy.internal:3128`. */
  readonly proxy: string;
}

/** Whether own members may go to a destination, and the entry or reason that decides it. */
export interface Verdict {
  readonly allowed: boolean;
  readonly reason: string;
}

/** An HTTP destination as a client writes it. */
interface NamedDestination {
  readonly origin: string;
  /** Undefined if origin and path make no URL. */
  readonly url: URL | undefined;
}

/** The compiled list. Whole origins are compared, never parts of their text. */
export interface Destinations {
  allows(destination: NamedDestination): boolean;
  /** @param name the text after `queue:`; the whole name is compared */
  allowsQueue(name: string): boolean;
  /** @param origin of a connection over which a request in absolute form is sent */
  allowsProxy(origin: string): boolean;
  explain(url: URL): Verdict;
  /** True if no entry can allow an HTTP destination. */
  readonly namesNobody: boolean;
}

const QUEUE = "queue:";

/** The name in `queue:NAME`; undefined for a text of any other form. */
export function queueName(text: string): string | undefined {
  return /^queue:([^\s*]+)$/.exec(text)?.[1];
}

interface Wildcard {
  readonly entry: string;
  readonly protocol: string;
  /** With the leading dot: `.shop.internal`. */
  readonly suffix: string;
  readonly port: string;
}

const HINT =
  'write an origin such as "https://api.shop.internal" or "https://*.shop.internal", "queue:NAME", (url) => boolean, or { proxy: "http://proxy.internal:3128" }';

const STAR_RULE = '* stands for the whole first label and nothing else, such as "https://*.shop.internal"';

/** @throws ExperimentConfigError for an entry that is none of the forms. */
export function compileDestinations(entries: unknown): Destinations {
  if (!Array.isArray(entries)) {
    throw new ExperimentConfigError(
      "ERR_PROPAGATE_TO",
      `propagateTo is ${describeValue(entries)}; it is a list: ${HINT}`,
    );
  }
  const origins = new Set<string>();
  const queues = new Set<string>();
  const wildcards: Wildcard[] = [];
  const predicates: ((url: URL) => unknown)[] = [];
  const proxies = new Set<string>();
  for (const entry of entries as readonly unknown[]) {
    if (typeof entry === "function") predicates.push((url) => Reflect.apply(entry, undefined, [url]) as unknown);
    else if (entry instanceof URL) throw refuse(entry, "write the URL's origin: url.origin");
    else if (isProxyEntry(entry)) proxies.add(compileProxy(entry));
    else if (typeof entry !== "string") throw refuse(entry, HINT);
    else if (entry.startsWith(QUEUE)) queues.add(compileQueue(entry));
    else {
      const wildcard = compileWildcard(entry);
      if (wildcard === undefined) origins.add(compileOrigin(entry, entry).origin);
      else wildcards.push(wildcard);
    }
  }

  const namesNobody = origins.size + wildcards.length + predicates.length === 0;

  const explain = (url: URL): Verdict => {
    if (url.protocol === QUEUE) return explainQueue(url, queues);
    if (url.protocol !== "http:" && url.protocol !== "https:") return no(`${url.protocol} is not HTTP`);
    if (url.username !== "" || url.password !== "") return no("a URL with a user or a password is not matched");
    if (origins.has(url.origin)) return { allowed: true, reason: `propagateTo names ${url.origin}` };
    const wildcard = wildcards.find((candidate) => matches(candidate, url));
    if (wildcard !== undefined) return { allowed: true, reason: `propagateTo names ${wildcard.entry}` };
    if (
      predicates.some((predicate) =>
        askPredicate("propagateTo", "destination-predicate", () => predicate(new URL(url))),
      )
    )
      return { allowed: true, reason: "a predicate of propagateTo allows it" };
    if (proxies.has(url.origin)) {
      return no(`propagateTo names ${url.origin} only as a proxy; a request through it is judged by its target`);
    }
    return no(namesNobody ? "propagateTo names no destination" : `propagateTo does not name ${url.origin}`);
  };
  const allows = (destination: NamedDestination): boolean => {
    if (origins.has(destination.origin)) return true;
    if (namesNobody) return false;
    const { url } = destination;
    return url !== undefined && explain(url).allowed;
  };
  const allowsQueue = (name: string): boolean => queues.has(name);
  const allowsProxy = (origin: string): boolean => proxies.has(origin);
  return { allows, allowsQueue, allowsProxy, explain, namesNobody };
}

/** A URL encodes some characters of a queue's name. So each entry is compared as a URL. */
function explainQueue({ href }: URL, queues: ReadonlySet<string>): Verdict {
  const named = [...queues].some((name) => URL.parse(QUEUE + name)?.href === href);
  return named ? { allowed: true, reason: `propagateTo names ${href}` } : no(`propagateTo does not name ${href}`);
}

function no(reason: string): Verdict {
  return { allowed: false, reason };
}

function refuse(entry: unknown, fix: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_PROPAGATE_TO", `propagateTo holds ${describeValue(entry)}; ${fix}`);
}

function compileQueue(entry: string): string {
  const name = queueName(entry);
  if (name === undefined) throw refuse(entry, "a queue has a name without spaces or *");
  return name;
}

function isProxyEntry(entry: unknown): entry is { readonly proxy: unknown } {
  return typeof entry === "object" && entry !== null && "proxy" in entry;
}

function compileProxy(entry: { readonly proxy: unknown }): string {
  const { proxy } = entry;
  const form = '{ proxy: "http://proxy.internal:3128" }, with the origin of one proxy and nothing else';
  if (Object.keys(entry).length !== 1 || typeof proxy !== "string" || proxy.includes("*")) {
    throw refuse(entry, `write ${form}`);
  }
  return compileOrigin(proxy, proxy).origin;
}

function compileOrigin(text: string, entry: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (/^https?:.*\*/i.test(text)) throw refuse(entry, STAR_RULE);
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) throw refuse(entry, HINT);
  if (text.includes("@")) throw refuse(entry, `an origin has no user and no password; write "${url.origin}"`);
  if (/[?#\\\s]/.test(text) || url.pathname !== "/" || !/^https?:\/\/[^/]+\/?$/i.test(text)) {
    throw refuse(entry, `an origin is only scheme, host and port; ${HINT}`);
  }
  return url;
}

function compileWildcard(entry: string): Wildcard | undefined {
  const match = /^(https?:\/\/)\*\.(.+)$/i.exec(entry);
  if (match === null) return undefined;
  const url = compileOrigin(`${match[1]}any.${match[2]}`, entry);
  return { entry, protocol: url.protocol, suffix: url.hostname.slice("any".length), port: url.port };
}

/** `*` matches exactly one label, as in certificates (RFC 6125, section 6.4.3). */
function matches({ protocol, suffix, port }: Wildcard, url: URL): boolean {
  if (url.protocol !== protocol || url.port !== port || !url.hostname.endsWith(suffix)) return false;
  const label = url.hostname.slice(0, -suffix.length);
  return label.length > 0 && !label.includes(".");
}
