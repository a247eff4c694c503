import type { Destinations } from "./destinations.ts";

/** The destination of a carrier of baggage: a request, a message or a call. */
export interface Target {
  /** Whether own members may go there. */
  allowedBy(destinations: Destinations): boolean;
}

/** The destination of one outgoing request. The URL is parsed only on demand: most requests have no own members. */
export class Destination implements Target {
  /** As the client writes it; equal to the URL's origin except in unusual spellings. */
  readonly origin: string;
  readonly #path: string;
  #url: URL | null | undefined;

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

  /** The target of an absolute-form path, as a proxy receives it; undefined if it is no URL. */
  static parse(target: string): Destination | undefined {
    const url = URL.parse(target);
    return url === null ? undefined : Destination.of(url);
  }

  allowedBy(destinations: Destinations): boolean {
    return destinations.allows(this);
  }

  /** Undefined if origin and path make no URL. */
  get url(): URL | undefined {
    // Joined as text: in new URL(path, origin), a path such as "//other.host/" would replace the origin.
    if (this.#url === undefined) this.#url = URL.parse(this.origin + this.#path);
    return this.#url ?? undefined;
  }
}
