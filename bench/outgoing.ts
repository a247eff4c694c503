import http from "node:http";
import { createRequire } from "node:module";
import * as undici from "undici";
import { instrumentOutgoing, type OutgoingInstrumentation } from "../adapters/outbound/outgoing.ts";
import { compare } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { inScope } from "./scoped.ts";
import { experiments } from "./subjects.ts";

const OPERATIONS = 300;
const ROUNDS = 161;
/** The extra cost that an outgoing call may have. */
const MAX_EXTRA_NS = 1500;

const ORIGIN = "http://payment.shop.internal";
const OPTIONS = { path: "/pay?basket=7", method: "GET" } as const;
const HEADERS = { accept: "*/*", "user-agent": "shop/1.0", "x-request-id": "7f3a", "accept-language": "en" } as const;

const require = createRequire(import.meta.url);

/** One kind of call, up to the point where anything is written. */
interface Kind {
  readonly name: string;
  /** True if the bound applies. */
  readonly ordinary: boolean;
  /** Makes the input of the client's request, in the scope of a request. Not timed. */
  prepare(): unknown;
  make(prepared: unknown): void;
}

/** The extra cost of a call with `instrumentOutgoing`, everything else being equal. */
export function* outgoing(): Generator<Row> {
  for (const { name, ordinary, prepare, make } of kinds()) {
    let instrumentation: OutgoingInstrumentation | undefined;
    const prepareAs = (instrumented: boolean) => (): unknown[] => {
      instrumentation?.[Symbol.dispose]();
      instrumentation = instrumented ? instrumentOutgoing(experiments) : undefined;
      return inScope(experiments, () => Array.from({ length: OPERATIONS }, prepare));
    };
    const work = (prepared: readonly unknown[]): void => inScope(experiments, () => prepared.forEach(make));
    const { ours, peer, difference } = compare(
      { prepare: prepareAs(true), work },
      { prepare: prepareAs(false), work },
      OPERATIONS,
      ROUNDS,
    );
    instrumentation?.[Symbol.dispose]();
    yield {
      name: `instrumentOutgoing: ${name}`,
      figure: `${ns(difference)} more (${ns(ours)}, ${ns(peer)})`,
      bound: ordinary ? `at most ${ns(MAX_EXTRA_NS)} more` : "for information",
      holds: !ordinary || difference <= MAX_EXTRA_NS,
    };
  }
}

function kinds(): readonly Kind[] {
  return [
    ofUndici("undici", "undici 8 request", true, requestHandler),
    ofUndici("undici", "undici 8 request, retry and redirect", true, repeatingHandler),
    ofUndici("undici", "undici 8 fetch", true, fetchHandler),
    ofUndici("undici-7", "undici 7 request", true, requestHandler),
    ofUndici("undici-6", "undici 6 request", true, requestHandler),
    ofUndici("undici-7", "undici 7 fetch, whose stack is looked at", false, fetchHandler),
    ofHttp(),
  ];
}

/** undici publishes a request in its constructor, so this needs no connection. */
function ofUndici(name: string, title: string, ordinary: boolean, handlerOf: (name: string) => object): Kind {
  // why: an internal file of undici, which its types do not show
  const Request = require(`${name}/lib/core/request.js`) as new (o: string, options: object, handler: object) => object;
  return {
    name: title,
    ordinary,
    prepare: () => handlerOf(name),
    make: (handler) => {
      // why: the result of `prepare`
      void new Request(ORIGIN, { ...OPTIONS, headers: HEADERS }, handler as object);
    },
  };
}

/** The handler that undici.request makes. */
function requestHandler(name: string): object {
  // why: an internal file of undici, which its types do not show
  const { RequestHandler } = require(`${name}/lib/api/api-request.js`) as {
    RequestHandler: new (options: object, callback: () => void) => object;
  };
  return new RequestHandler({ ...OPTIONS }, () => undefined);
}

/** The handler that undici.request makes, inside the interceptors for redirects and retries. */
function repeatingHandler(name: string): object {
  const { RedirectHandler, RetryHandler } = undici;
  const redirecting = new RedirectHandler(DISPATCH, 3, { ...OPTIONS, origin: ORIGIN }, requestHandler(name));
  return new RetryHandler({ ...OPTIONS, origin: ORIGIN }, { dispatch: DISPATCH, handler: redirecting });
}

const DISPATCH = (): boolean => true;

/** The handler that fetch makes: with new functions for each dispatch. */
function fetchHandler(): object {
  return {
    body: null,
    abort: null,
    onConnect: () => undefined,
    onRequestStart: () => undefined,
    onResponseStarted: () => undefined,
    onHeaders: () => true,
    onResponseStart: () => undefined,
    onData: () => true,
    onResponseData: () => undefined,
    onComplete: () => undefined,
    onResponseEnd: () => undefined,
    onError: () => undefined,
    onResponseError: () => undefined,
  };
}

/** Calls of node:http, with an agent that never opens a connection. */
function ofHttp(): Kind {
  const agent = new http.Agent();
  Reflect.set(agent, "addRequest", () => undefined);
  return {
    name: "http.request",
    ordinary: true,
    prepare: () => agent,
    make: () => {
      http.request(`${ORIGIN}${OPTIONS.path}`, { agent, headers: HEADERS }).on("error", () => undefined);
    },
  };
}
