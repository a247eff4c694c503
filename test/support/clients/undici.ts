import type { ClientOptions } from "otel-experiments/adapter";
import type { OutboundHarness } from "otel-experiments/testing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { type Undici, type UndiciMajor, undiciMajors } from "./undici-majors.ts";

/** undici's type for an interceptor. */
export type Interceptor = Dispatcher.DispatcherComposeInterceptor;

/** The way to make and compose a dispatcher of undici. */
interface UndiciSetUp {
  readonly name: string;
  readonly lacks?: Readonly<Record<string, string>>;
  /** Whether redirects are followed inside of ours. */
  readonly redirectsInside?: true;
  /** One dispatcher for all origins, or only for the given one. */
  dispatcher(undici: Undici, origin: string): Dispatcher;
  /** The interceptors, the innermost first. */
  compose(undici: Undici, ours: Interceptor): Interceptor[];
}

const NO_REDIRECTS: Readonly<Record<string, string>> = Object.fromEntries(
  ["OUT-11", "OUT-12", "OUT-13", "OUT-14", "OUT-15", "OUT-16", "OUT-17", "OUT-21", "OUT-30"].map((id) => [
    id,
    "undici's request follows redirects only through an interceptor",
  ]),
);

const NO_RETRIES: Readonly<Record<string, string>> = {
  "OUT-22": "undici's request tries again only through an interceptor",
};

const HIDES_HOPS: Readonly<Record<string, string>> = {
  "OUT-16": "undici 7 hides whose a hop inside of the interceptor is, and the first hop's headers do not say it",
};

const redirecting = (undici: Undici) => undici.interceptors.redirect({ maxRedirections: 5 });
const retrying = (undici: Undici) => undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });

const setUps: readonly UndiciSetUp[] = [
  {
    name: "an Agent",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici) => new undici.Agent(),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "a Pool of 2 connections",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici, origin) => new undici.Pool(origin, { connections: 2 }),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "a Client that pipelines",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici, origin) => new undici.Client(origin, { pipelining: 8 }),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "outside of redirect and retry",
    redirectsInside: true,
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [redirecting(undici), retrying(undici), ours],
  },
  {
    name: "inside of redirect and retry",
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [ours, redirecting(undici), retrying(undici)],
  },
  {
    name: "inside of retry and redirect",
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [ours, retrying(undici), redirecting(undici)],
  },
  {
    name: "between redirect and retry",
    redirectsInside: true,
    dispatcher: (undici) => new undici.Agent(),
    compose: (undici, ours) => [redirecting(undici), ours, retrying(undici)],
  },
];

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: ClientOptions): readonly OutboundHarness[] {
  return undiciMajors.flatMap((major) => setUps.map((setUp) => undiciHarness(major, setUp, options)));
}

/** `request` of one major of undici, over a dispatcher with the package's interceptor. */
function undiciHarness(
  { name, major, undici }: UndiciMajor,
  setUp: UndiciSetUp,
  options?: ClientOptions,
): OutboundHarness {
  const hidesHops = major === 7 && setUp.redirectsInside === true;
  return {
    name: `${name}, ${setUp.name}`,
    lacks: { ...setUp.lacks, ...(hidesHops ? HIDES_HOPS : {}) },
    create(experiments) {
      const dispatchers = new Map<string, { readonly plain: Dispatcher; readonly composed: Dispatcher }>();
      const dispatcherFor = (origin: string): Dispatcher => {
        const known = dispatchers.get(origin);
        if (known !== undefined) return known.composed;
        const plain = setUp.dispatcher(undici, origin);
        const composed = plain.compose(setUp.compose(undici, experimentInterceptor(experiments, options)));
        dispatchers.set(origin, { plain, composed });
        return composed;
      };
      return {
        async request(url, { method = "GET", headers = {}, body = null, redirect = "follow" } = {}) {
          const response = await undici.request(url, {
            method,
            dispatcher: dispatcherFor(new URL(url).origin),
            headers,
            body,
            ...(redirect === "manual" ? { maxRedirections: 0 } : {}),
          });
          return { status: response.statusCode, body: await response.body.text() };
        },
        async close() {
          for (const { plain } of dispatchers.values()) await plain.close();
        },
      };
    },
  };
}
