import { randomBytes } from "node:crypto";
import { CookieJar } from "tough-cookie";
import { type Dispatcher, request } from "undici";

export interface Answer {
  readonly status: number;
  /** The body, if it is JSON. */
  readonly json: unknown;
}

type Headers = Readonly<Record<string, string>>;

interface BrowserOptions {
  readonly origin: string;
  readonly userAgent: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Gives the `baggage` header of each request. A page's own code could send one. */
  readonly baggage?: () => string;
}

/** Sends requests as a browser with the shop's page does: it keeps cookies, and its calls are one trace. */
export class Browser {
  readonly #options: BrowserOptions;
  // Like a browser, it sends Secure cookies over plain HTTP to its own machine.
  readonly #cookies = new CookieJar();
  #traceId = "";

  constructor(options: BrowserOptions) {
    this.#options = options;
  }

  /** The trace of the calls since the page was opened. */
  get traceId(): string {
    return this.#traceId;
  }

  /** Opens a page. A browser sends no `traceparent` with it: the trace begins in the page. */
  async open(path: string): Promise<Answer> {
    this.#traceId = randomBytes(16).toString("hex");
    return this.#send("GET", path, { "sec-fetch-dest": "document" });
  }

  async get(path: string): Promise<Answer> {
    return this.#send("GET", path, this.#callHeaders());
  }

  async post(path: string, body: object, headers: Headers = {}): Promise<Answer> {
    const all = { ...this.#callHeaders(), "content-type": "application/json", ...headers };
    return this.#send("POST", path, all, JSON.stringify(body));
  }

  #callHeaders(): Headers {
    const spanId = randomBytes(8).toString("hex");
    return { "sec-fetch-dest": "empty", traceparent: `00-${this.#traceId}-${spanId}-01` };
  }

  async #send(method: "GET" | "POST", path: string, headers: Headers, body?: string): Promise<Answer> {
    const { origin, userAgent, dispatcher, signal, baggage } = this.#options;
    const url = origin + path;
    const cookie = this.#cookies.getCookieStringSync(url);
    const response = await request(url, {
      method,
      dispatcher,
      signal,
      headers: {
        ...headers,
        "user-agent": userAgent,
        ...(cookie !== "" && { cookie }),
        ...(baggage !== undefined && { baggage: baggage() }),
      },
      ...(body !== undefined && { body }),
    });
    for (const line of [response.headers["set-cookie"] ?? []].flat()) this.#cookies.setCookieSync(line, url);
    const text = await response.body.text();
    const isJson = String(response.headers["content-type"]).startsWith("application/json");
    return { status: response.statusCode, json: isJson ? JSON.parse(text) : undefined };
  }
}
