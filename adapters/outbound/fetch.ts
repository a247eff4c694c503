import {
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
 * redirect anew. Outside a request, and without anything to pass on, it is the fetch that it wraps.
 *
 * @param inner undici's fetch or another one over undici or node:http; by default the built-in one, looked up at each
 * call so that what replaces it later is used
 */
export function experimentFetch(experiments: ExperimentsHandle, inner?: typeof fetch): typeof fetch;
export function experimentFetch<Inner extends Fetch>(experiments: ExperimentsHandle, inner: Inner): Inner;
export function experimentFetch(experiments: ExperimentsHandle, inner?: Fetch): typeof fetch {
  const depart = outbound(experiments);
  if (inner !== undefined && typeof inner !== "function") {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "experimentFetch got no function to wrap; write experimentFetch(experiments, fetch)",
    );
  }
  return async function fetchWithExperiments(input, init) {
    // why: implementations differ in the types of their own classes, and each takes what its caller gives
    const fetchOnce = (inner as typeof fetch | undefined) ?? globalThis.fetch;
    const departure = depart();
    if (departure === undefined) return fetchOnce(input, init);
    const release = departure.retain();
    try {
      const headers = headersOf(departure, input, init);
      return await fetchOnce(input, { ...copyOf(init), headers });
    } finally {
      release();
    }
  };
}

function headersOf(departure: Departure, input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Headers {
  const isRequest = typeof input === "object" && "headers" in input;
  const headers = new Headers(init?.headers ?? (isRequest ? input.headers : undefined));
  headers.append(TICKET_HEADER, departure.ticket);
  // The process-wide stop writes the header anew, hop by hop. This one is for a fetch that is replaced in a test.
  const url = URL.parse(isRequest ? input.url : String(input));
  const baggage = url === null ? "" : departure.baggageFor(url, headers.get("baggage"));
  if (baggage !== "") headers.set("baggage", baggage);
  return headers;
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
