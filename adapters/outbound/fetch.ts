import {
  type ClientOptions,
  type Departure,
  ExperimentConfigError,
  type ExperimentsHandle,
  outbound,
  TICKET_HEADER,
} from "../../src/adapter.ts";

/** Any function of the form of `fetch`, such as undici's or node-fetch's. */
type Fetch = (input: never, init?: never) => Promise<unknown>;

/**
 * A `fetch` that passes the request's variants on, to the destinations of `propagateTo` alone, on each hop of a
 * redirect anew. Outside a request, and without anything to pass on, it is the fetch that it wraps; with `spans: true`
 * it makes OpenTelemetry's CLIENT spans and durations as well, for a fetch over undici.
 *
 * @param inner undici's fetch or another one over undici or node:http; by default the built-in one, looked up at each
 * call so that what replaces it later is used
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
  const depart = outbound(experiments, clientOptions);
  return async function fetchWithExperiments(input, init) {
    // why: implementations differ in the types of their own classes, and each takes what its caller gives
    const fetchOnce = (inner as typeof fetch | undefined) ?? globalThis.fetch;
    let given: Headers | undefined;
    const header = (name: string) => linesOf((given ??= headersOf(input, init)).get(name));
    const departure = depart({ header });
    if (departure === undefined) return fetchOnce(input, init);
    const release = departure.retain();
    try {
      const headers = headersWith(departure, input, init);
      return await fetchOnce(input, { ...copyOf(init), headers });
    } finally {
      release();
    }
  };
}

function headersWith(departure: Departure, input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Headers {
  const headers = headersOf(input, init);
  headers.append(TICKET_HEADER, departure.ticket);
  // The process-wide stop writes the header anew, hop by hop. This one is for a fetch that is replaced in a test.
  const url = URL.parse(isRequest(input) ? input.url : String(input));
  const baggage = url === null ? "" : departure.baggageFor(url, headers.get("baggage"));
  if (baggage !== "") headers.set("baggage", baggage);
  return headers;
}

/** Those that fetch takes: the init's, else the Request's. */
function headersOf(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Headers {
  return new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined));
}

function isRequest(input: Parameters<typeof fetch>[0]): input is Request {
  return typeof input === "object" && "headers" in input;
}

function linesOf(value: string | null): readonly string[] {
  return value === null ? [] : [value];
}

/** What fetch reads of its init, undici's extensions included. */
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

/** An init may be a Request, or of a class: what it inherits would be lost in a spread. */
function copyOf(init: RequestInit | undefined): RequestInit {
  const copy: Record<string, unknown> = { ...init };
  if (init === undefined) return copy;
  for (const name of INIT_MEMBERS) if (!(name in copy) && name in init) copy[name] = Reflect.get(init, name);
  // A Request shows its body as a stream, and fetch asks of a stream what only a caller of its own can say.
  if (!Object.hasOwn(init, "body") && copy["body"] instanceof ReadableStream) copy["duplex"] ??= "half";
  return copy;
}
