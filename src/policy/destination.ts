import type { Destinations } from "./destinations.ts";

/** The destination of a carrier of baggage: a request, a message or a call. */
export interface Target {
  /** Whether own members may go there. */
  allowedBy(destinations: Destinations): boolean;
}

/**
 * The origin of a URL's text, up to what ends it. If `propagateTo` names this very text, it is the URL's origin; else the
 * URL is parsed.
 */
const ORDINARY = /https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/y;

/** The destination of one outgoing request. The URL is parsed only on demand: most requests have no own members. */
export class Destination implements Target {
  /** As the client writes it; equal to the URL's origin except in unusual spellings. */
  readonly origin: string;
  readonly #path: string;
  #url: URL | null | undefined;
  /** Of a target in absolute form: the origin that is connected to. */
  #connection: Destination | undefined;
  /** Whether a client that was given a URL parses it itself. Then the URL counts, however it spells its origin. */
  #isParsed = false;
  /** False of a target in which others may read another origin, or for which the connection is not known. */
  #isCertain = true;
  #judge: Destinations | undefined;
  #isAllowed = false;

  /** @param path Begins with a slash, and so cannot change the origin. */
  constructor(origin: string, path: string) {
    this.origin = origin;
    this.#path = path;
  }

  static of(url: URL): Destination {
    // An origin leaves out a user, a password, and an outer scheme as in blob:https://…
    const isPlain = url.username === "" && url.password === "" && url.protocol !== "blob:";
    const destination = new Destination(isPlain ? url.origin : url.href, url.pathname);
    destination.#url = url;
    return destination;
  }

  /** The destination of the text of a URL, as for `of`; undefined if it is none. An ordinary text is not parsed. */
  static ofText(text: string): Destination | undefined {
    ORDINARY.lastIndex = 0;
    if (!ORDINARY.test(text)) {
      const url = URL.parse(text);
      return url === null ? undefined : Destination.of(url);
    }
    const end = ORDINARY.lastIndex;
    const destination = new Destination(text.slice(0, end), text.slice(end));
    destination.#isParsed = true;
    return destination;
  }

  /**
   * The target of a request in absolute form (RFC 9112, section 3.2.2). Own members need both: the target is allowed, and
   * the origin that is connected to is allowed or named as a proxy.
   *
   * @param connection undefined if unknown; then no own members may go there
   * @returns undefined if the target is no URL
   */
  static absolute(target: string, connection: Destination | undefined): Destination | undefined {
    const url = URL.parse(target);
    if (url === null) return undefined;
    const destination = Destination.of(url);
    const end = target.indexOf("/", target.indexOf("//") + 2);
    destination.#isCertain = connection !== undefined && isOrigin(end === -1 ? target : target.slice(0, end), url);
    destination.#connection = connection;
    return destination;
  }

  /** Each list is asked once, as long as no other one is asked. */
  allowedBy(destinations: Destinations): boolean {
    if (this.#judge !== destinations) {
      this.#isAllowed = this.#judged(destinations);
      this.#judge = destinations;
    }
    return this.#isAllowed;
  }

  #judged(destinations: Destinations): boolean {
    if (!this.#isCertain || !destinations.allows(this)) return false;
    const connection = this.#connection;
    return (
      connection === undefined || destinations.allowsProxy(connection.origin) || connection.allowedBy(destinations)
    );
  }

  /** Undefined if origin and path make no URL, or one of another origin. */
  get url(): URL | undefined {
    if (this.#url === undefined) {
      // Joined as text: in new URL(path, origin), a path such as "//other.host/" would replace the origin.
      const url = URL.parse(this.origin + this.#path);
      this.#url = url !== null && (this.#isParsed || isOrigin(this.origin, url)) ? url : null;
    }
    return this.#url ?? undefined;
  }
}

/**
 * Whether a text spells the origin of a URL, and nothing but an origin. A client connects to the host that is written;
 * the URL parser reads `http://a.internal/.b.com`, `http://user@a.internal` and `http://%61.internal` as `a.internal`.
 */
export function isOrigin(text: string, { origin, protocol, port }: URL): boolean {
  const written = text.toLowerCase();
  if (written === origin) return true;
  return port === "" && written === `${origin}:${protocol === "https:" ? 443 : 80}`;
}
