import type { MeterProvider } from "@opentelemetry/api";
import { describeValue, ExperimentConfigError } from "../../src/sdk-adapter.ts";
import { type MeterProviderOptions, providerWithExperiments } from "./meter-provider.ts";
import { type ViewLike, viewWithExperiments } from "./views.ts";

/**
 * Wraps a MeterProvider, so that `http.server.request.duration` and the named instruments have the flat pair, without
 * any View. Everything else is passed on unchanged.
 *
 * @example metrics.setGlobalMeterProvider(withExperiments(new MeterProvider({ readers })))
 * @throws ExperimentConfigError
 */
export function withExperiments<P extends MeterProvider>(provider: P, options?: MeterProviderOptions): P;
/**
 * Adds the flat pair to an existing View, after its other processors. The given object is not changed.
 *
 * @example new MeterProvider({ views: [withExperiments({ instrumentName: "orders.*", attributesProcessors })] })
 * @throws ExperimentConfigError
 */
export function withExperiments<V extends ViewLike>(view: V): V;
export function withExperiments(given: unknown, options?: MeterProviderOptions): MeterProvider | ViewLike {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) {
    if (isProvider(given)) return providerWithExperiments(given, options ?? {});
    if (options === undefined) return viewWithExperiments(given);
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "withExperiments takes no options with a View, because the View selects its instruments itself; to name instruments, wrap the MeterProvider",
    );
  }
  throw new ExperimentConfigError(
    "ERR_OPTIONS",
    `withExperiments got ${describeValue(given)}; give it a MeterProvider, or one View such as { instrumentName: "orders.placed" }`,
  );
}

function isProvider(given: object): given is MeterProvider {
  return "getMeter" in given && typeof given.getMeter === "function";
}
