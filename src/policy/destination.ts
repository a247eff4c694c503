import type { Destinations } from "./destinations.ts";

/** Where something goes that carries baggage: a request, a message, a call. */
export interface Target {
  /** Whether own members may go there. */
  allowedBy(destinations: Destinations): boolean;
}

/** Where one outgoing request goes. It is taken apart only if somebody asks: most requests have nothing of ours. */
export class Destination implements Target {
  /** As the client names it; the same as the URL's origin in all but odd spellings. */
  readonly origin: string;
  readonly #path: string;
  #url: URL | null | undefined;

  /** @param path Begins with a slash, and so cannot change the origin. */
  constructor(origin: string, path: string) {
    this.origin = origin;
    this.#path = path;
  }

  static of(url: URL): Destination {
    // A URL has more than its origin says: a user and a password, or another scheme around it, as in blob:https://…
    const isPlain = url.username === "" && url.password === "" && url.protocol !== "blob:";
    const destination = new Destination(isPlain ? url.origin : url.href, url.pathname);
    destination.#url = url;
    return destination;
  }

  /** The target of an absolute-form path, as it is sent to a proxy; undefined where that is no URL. */
  static parse(target: string): Destination | undefined {
    const url = URL.parse(target);
    return url === null ? undefined : Destination.of(url);
  }

  allowedBy(destinations: Destinations): boolean {
    return destinations.allows(this);
  }

  /** Undefined where origin and path make no URL. */
  get url(): URL | undefined {
    // Joined as text: a path such as "//other.host/" would take the origin's place in new URL(path, origin).
    if (this.#url === undefined) this.#url = URL.parse(this.origin + this.#path);
    return this.#url ?? undefined;
  }
}
