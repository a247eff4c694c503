import { PassThrough } from "node:stream";
import type { Dispatcher } from "undici";
import type { Undici, UndiciMajor } from "../undici-majors.ts";
import type { Way } from "./interleaving.ts";
import type { Interceptor } from "./undici.ts";

/** What stands between undici and the network: nothing, or a wrapped client of ours. */
export interface Wrapping {
  readonly interceptor?: Interceptor;
  readonly fetch?: (inner: typeof fetch) => typeof fetch;
}

const agent = (undici: Undici): Dispatcher => new undici.Agent();
const twoOfAgent = (undici: Undici): Dispatcher => new undici.Agent({ connections: 2 });
const redirect = (undici: Undici): Interceptor => undici.interceptors.redirect({ maxRedirections: 3 });
const retry = (undici: Undici): Interceptor =>
  undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });

type Make = (undici: Undici) => Dispatcher;
type Compose = readonly ((undici: Undici) => Interceptor)[];
type Get = (undici: Undici, dispatcher: Dispatcher, url: string) => Promise<unknown>;

const byRequest: Get = async (undici, dispatcher, url) => (await undici.request(url, { dispatcher })).body.dump();

const byStream: Get = (undici, dispatcher, url) =>
  undici.stream(url, { dispatcher, method: "GET" }, () => new PassThrough().resume());

const byPipeline: Get = (undici, dispatcher, url) =>
  new Promise((resolve, reject) => {
    undici
      .pipeline(url, { dispatcher, method: "GET" }, ({ body }) => body)
      .on("error", reject)
      .on("end", resolve)
      .resume()
      .end();
  });

/**
 * The ways through one major of undici: each kind of pool, with redirects and retries in both orders, each kind of call.
 * Where an interceptor of ours is given, it is the outermost.
 */
export function pooledWays({ undici, name: major }: UndiciMajor, origin: string, wrapping: Wrapping = {}): Way[] {
  const pool: Make = () => new undici.Pool(origin, { connections: 2 });
  const balanced: Make = () => new undici.BalancedPool([origin], { connections: 2 });
  const client: Make = () => new undici.Client(origin, { pipelining: 6 });

  const way = (name: string, path: Way["path"], make: Make, compose: Compose, get: Get): Way => ({
    name: `${major}: ${name}`,
    path,
    hops: path === "/plain/" ? 1 : 2,
    open() {
      const plain = make(undici);
      const ours = wrapping.interceptor === undefined ? [] : [wrapping.interceptor];
      const interceptors = [...compose.map((each) => each(undici)), ...ours];
      const dispatcher = interceptors.length === 0 ? plain : plain.compose(interceptors);
      return { get: (url) => get(undici, dispatcher, url), close: () => plain.close() };
    },
  });
  // why: undici's types of fetch are its own, and nearly those of the built-in one
  const plainFetch = undici.fetch as unknown as typeof fetch;
  const fetchOnce = wrapping.fetch?.(plainFetch) ?? plainFetch;
  const byFetch: Get = async (_undici, dispatcher, url) => {
    const init: object = { dispatcher };
    return (await fetchOnce(url, init)).text();
  };

  return [
    way("request, an Agent", "/plain/", agent, [], byRequest),
    way("request, an Agent of 2 connections", "/plain/", twoOfAgent, [], byRequest),
    way("request, a Pool of 2 connections", "/plain/", pool, [], byRequest),
    way("request, a BalancedPool of 2 connections", "/plain/", balanced, [], byRequest),
    way("request, a Client that pipelines", "/plain/", client, [], byRequest),
    way("stream, a Pool of 2 connections", "/plain/", pool, [], byStream),
    way("pipeline, a Pool of 2 connections", "/plain/", pool, [], byPipeline),
    way("request, redirect", "/hop/", agent, [redirect], byRequest),
    way("request, redirect, 2 connections", "/hop/", twoOfAgent, [redirect], byRequest),
    way("request, retry, 2 connections", "/try/", pool, [retry], byRequest),
    way("request, redirect inside of retry", "/hop/", twoOfAgent, [redirect, retry], byRequest),
    way("request, retry inside of redirect", "/try/", twoOfAgent, [retry, redirect], byRequest),
    way("fetch, an Agent", "/hop/", agent, [], byFetch),
    way("fetch, an Agent of 2 connections", "/hop/", twoOfAgent, [], byFetch),
    way("fetch, a Pool of 2 connections", "/plain/", pool, [], byFetch),
    way("fetch, a Client that pipelines", "/plain/", client, [], byFetch),
    way("fetch, retry", "/try/", agent, [retry], byFetch),
    way("fetch, retry, 2 connections", "/try/", twoOfAgent, [retry], byFetch),
  ];
}
