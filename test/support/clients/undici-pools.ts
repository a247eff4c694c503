import { PassThrough } from "node:stream";
import type { Dispatcher } from "undici";
import type { OpenWay } from "./interleaving.ts";
import type { Interceptor } from "./undici.ts";
import type { Undici } from "./undici-majors.ts";

/** Makes a dispatcher of one major for this origin. */
export type Make = (undici: Undici, origin: string) => Dispatcher;

export const agent: Make = (undici) => new undici.Agent();
export const twoOfAgent: Make = (undici) => new undici.Agent({ connections: 2 });
export const pool: Make = (undici, origin) => new undici.Pool(origin, { connections: 2 });
export const balanced: Make = (undici, origin) => new undici.BalancedPool([origin], { connections: 2 });
export const client: Make = (undici, origin) => new undici.Client(origin, { pipelining: 6 });

/** An interceptor of one major. */
export type Intercept = (undici: Undici) => Interceptor;

export const redirect: Intercept = (undici) => undici.interceptors.redirect({ maxRedirections: 3 });
export const retry: Intercept = (undici) => undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });

/** Sends a request over a dispatcher, and reads the answer to its end. */
export type Get = (undici: Undici, dispatcher: Dispatcher, url: string) => Promise<unknown>;

export const byRequest: Get = async (undici, dispatcher, url) =>
  (await undici.request(url, { dispatcher })).body.dump();

export const byStream: Get = (undici, dispatcher, url) =>
  undici.stream(url, { dispatcher, method: "GET" }, () => new PassThrough().resume());

export const byPipeline: Get = (undici, dispatcher, url) =>
  new Promise((resolve, reject) => {
    undici
      .pipeline(url, { dispatcher, method: "GET" }, ({ body }) => body)
      .on("error", reject)
      .on("end", resolve)
      .resume()
      .end();
  });

/** @param wrap wraps undici's fetch, once per major */
export function byFetch(wrap: (inner: typeof fetch) => typeof fetch = (inner) => inner): Get {
  const wrapped = new Map<Undici, typeof fetch>();
  return async (undici, dispatcher, url) => {
    // why: undici has its own types of fetch, which are nearly those of the built-in one
    const fetchOnce = wrapped.get(undici) ?? wrap(undici.fetch as unknown as typeof fetch);
    wrapped.set(undici, fetchOnce);
    const init: object = { dispatcher };
    return (await fetchOnce(url, init)).text();
  };
}

/** Sends requests over a dispatcher with these interceptors, the innermost first. */
export function openPool(undici: Undici, plain: Dispatcher, interceptors: readonly Interceptor[], get: Get): OpenWay {
  const dispatcher = interceptors.length === 0 ? plain : plain.compose([...interceptors]);
  return { get: (url) => get(undici, dispatcher, url), close: () => plain.close() };
}
