import type { ClientOptions } from "otel-experiments/adapter";
import type { OutboundHarness } from "otel-experiments/testing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import type { Undici, UndiciMajor } from "./undici-majors.ts";

/** undici's type of an interceptor. */
export type Interceptor = Dispatcher.DispatcherComposeInterceptor;

/** How a dispatcher of undici is made and composed. */
export interface UndiciSetUp {
  readonly name: string;
  readonly lacks?: Readonly<Record<string, string>>;
  /** One dispatcher for all origins, or for the one that it is given. */
  dispatcher(undici: Undici, origin: string): Dispatcher;
  /** The interceptors, the innermost first. */
  compose(undici: Undici, ours: Interceptor): Interceptor[];
}

/** `request` of one major of undici over a dispatcher that our interceptor is composed into. */
export function undiciHarness(
  { name, undici }: UndiciMajor,
  setUp: UndiciSetUp,
  options?: ClientOptions,
): OutboundHarness {
  return {
    name: `${name}, ${setUp.name}`,
    ...(setUp.lacks === undefined ? {} : { lacks: setUp.lacks }),
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
