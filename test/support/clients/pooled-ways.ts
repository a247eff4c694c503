import type { Way } from "./interleaving.ts";
import type { Interceptor } from "./undici.ts";
import type { UndiciMajor } from "./undici-majors.ts";
import {
  agent,
  balanced,
  byFetch,
  byPipeline,
  byRequest,
  byStream,
  client,
  type Get,
  type Intercept,
  type Make,
  openPool,
  pool,
  redirect,
  retry,
  twoOfAgent,
} from "./undici-pools.ts";

/** The layer between undici and the network: none, or a wrapped client of the package. */
export interface Wrapping {
  readonly interceptor?: Interceptor;
  readonly fetch?: (inner: typeof fetch) => typeof fetch;
}

/**
 * The ways through one major of undici: each kind of pool, redirects and retries in both orders, each kind of call. If
 * an interceptor of the package is given, it is the outermost one.
 */
export function pooledWays({ undici, name: major }: UndiciMajor, origin: string, wrapping: Wrapping = {}): Way[] {
  const ours = wrapping.interceptor === undefined ? [] : [wrapping.interceptor];
  const fetching = byFetch(wrapping.fetch);

  const way = (name: string, path: Way["path"], make: Make, compose: readonly Intercept[], get: Get): Way => ({
    name: `${major}: ${name}`,
    path,
    hops: path === "/plain/" ? 1 : 2,
    open: () => openPool(undici, make(undici, origin), [...compose.map((each) => each(undici)), ...ours], get),
  });

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
    way("fetch, an Agent", "/hop/", agent, [], fetching),
    way("fetch, an Agent of 2 connections", "/hop/", twoOfAgent, [], fetching),
    way("fetch, a Pool of 2 connections", "/plain/", pool, [], fetching),
    way("fetch, a Client that pipelines", "/plain/", client, [], fetching),
    way("fetch, retry", "/try/", agent, [retry], fetching),
    way("fetch, retry, 2 connections", "/try/", twoOfAgent, [retry], fetching),
  ];
}
