import { randomBytes } from "node:crypto";
import { CookieJar } from "tough-cookie";
import { type Dispatcher, request } from "undici";

export interface Answer {
  readonly status: number;
  /** The body, if it is JSON. */
  readonly json: unknown;
  /** The trace that began with this request. */
  readonly traceId: string;
}

interface BrowserOptions {
  readonly origin: string;
  readonly userAgent: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Gives the `baggage` header of each request. A page's own code could send one. */
  readonly baggage?: () => string;
}

/** Sends requests as a browser does: it keeps cookies, and the shop's page begins a trace with each request. */
export class Browser {
  readonly #options: BrowserOptions;
  // Like a browser, it sends Secure cookies over plain HTTP to its own machine.
  readonly #cookies = new CookieJar();

  constructor(options: BrowserOptions) {
    this.#options = options;
  }

  async open(path: string): Promise<Answer> {
    return this.#send("GET", path, { "sec-fetch-dest": "document" });
  }

  async get(path: string): Promise<Answer> {
    return this.#send("GET", path, { "sec-fetch-dest": "empty" });
  }

  async post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const type = { "sec-fetch-dest": "empty", "content-type": "application/json" };
    return this.#send("POST", path, { ...type, ...headers }, JSON.stringify(body));
  }

  async #send(method: "GET" | "POST", path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    const { origin, userAgent, dispatcher, signal, baggage } = this.#options;
    const url = origin + path;
    const traceId = randomBytes(16).toString("hex");
    const response = await request(url, {
      method,
      dispatcher,
      signal,
      headers: {
        ...headers,
        "user-agent": userAgent,
        cookie: this.#cookies.getCookieStringSync(url),
        traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01`,
        ...(baggage === undefined ? {} : { baggage: baggage() }),
      },
      ...(body === undefined ? {} : { body }),
    });
    for (const cookie of [response.headers["set-cookie"] ?? []].flat()) this.#cookies.setCookieSync(cookie, url);
    const text = await response.body.text();
    const isJson = String(response.headers["content-type"]).startsWith("application/json");
    return { status: response.statusCode, json: isJson ? JSON.parse(text) : undefined, traceId };
  }
}
