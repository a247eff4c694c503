import { type ClientOptions, ExperimentConfigError, type ExperimentsHandle, outbound } from "../../src/adapter.ts";
import { FetchHeaders } from "./fetch/fetch-headers.ts";

/** A function of the form of `fetch`, such as undici's or node-fetch's. */
type Fetch = (input: never, init?: never) => Promise<unknown>;

/**
 * A `fetch` that passes the request's variants on, only to the destinations of `propagateTo`, decided again for each
 * hop of a redirect. Outside of a request, or with nothing to pass on, it only calls the wrapped fetch. With `spans:
 * true` it also records OpenTelemetry's CLIENT spans and durations, for a fetch over undici.
 *
 * @param inner undici's fetch, or another one over undici or node:http. Default: the built-in one, looked up at each
 * call, so that a later replacement is used
 */
export function experimentFetch(experiments: ExperimentsHandle, options?: ClientOptions): typeof fetch;
export function experimentFetch(
  experiments: ExperimentsHandle,
  inner: typeof fetch | undefined,
  options?: ClientOptions,
): typeof fetch;
export function experimentFetch<Inner extends Fetch>(
  experiments: ExperimentsHandle,
  inner: Inner,
  options?: ClientOptions,
): Inner;
export function experimentFetch(
  experiments: ExperimentsHandle,
  innerOrOptions?: Fetch | ClientOptions,
  options?: ClientOptions,
): typeof fetch {
  const [inner, clientOptions] =
    typeof innerOrOptions === "function" || innerOrOptions === undefined
      ? [innerOrOptions, options]
      : [undefined, innerOrOptions];
  if (clientOptions === innerOrOptions && options !== undefined) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "experimentFetch got no function to wrap; write experimentFetch(experiments, fetch)",
    );
  }
  const startOutbound = outbound(experiments, clientOptions);
  return async function fetchWithExperiments(input, init) {
    // why: implementations differ only in the types of their own classes, and each gets its own caller's arguments
    const fetchOnce = (inner as typeof fetch | undefined) ?? globalThis.fetch;
    const isRequest = typeof input === "object" && "headers" in input;
    const headers = new FetchHeaders(init?.headers ?? (isRequest ? input.headers : undefined));
    const outboundRequest = startOutbound({ header: headers.lines });
    if (outboundRequest === undefined)
      return fetchOnce(input, headers.wereUsedUp ? withHeaders(init, headers.again) : init);
    const release = outboundRequest.retain();
    try {
      const url = URL.parse(isRequest ? input.url : String(input));
      return await fetchOnce(input, withHeaders(init, headers.with(outboundRequest, url)));
    } finally {
      release();
    }
  };
}

function withHeaders(init: RequestInit | undefined, headers: unknown): RequestInit {
  // why: the headers have the caller's form, or another form that every fetch takes
  return { ...copyOf(init), headers: headers as NonNullable<RequestInit["headers"]> };
}

/** The members of `init` that fetch reads, including undici's extensions. */
const INIT_MEMBERS = [
  "method",
  "body",
  "mode",
  "credentials",
  "cache",
  "redirect",
  "referrer",
  "referrerPolicy",
  "integrity",
  "keepalive",
  "signal",
  "duplex",
  "priority",
  "window",
  "dispatcher",
] as const;

/** `init` may be a Request or an instance of another class. A spread would lose its inherited members. */
function copyOf(init: RequestInit | undefined): RequestInit {
  const copy: Record<string, unknown> = { ...init };
  if (init === undefined) return copy;
  for (const name of INIT_MEMBERS) if (!(name in copy) && name in init) copy[name] = Reflect.get(init, name);
  // A Request's body is a stream. With a stream fetch requires `duplex`, which a Request used as `init` may lack.
  if (!Object.hasOwn(init, "body") && copy["body"] instanceof ReadableStream) copy["duplex"] ??= "half";
  return copy;
}
