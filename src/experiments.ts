import type { Meter } from "@opentelemetry/api";
import type { CheckedRegistry, Registry } from "./assignment/definition.ts";
import {
  type RunEachOptions,
  type RunOptions,
  readCarried,
  runCarried,
  runEachCarried,
} from "./carriers/carried-scope.ts";
import { type InjectOptions, injectBaggage } from "./carriers/carrier-baggage.ts";
import { type CarrierOpener, carrierOpeners } from "./carriers/extracted-carrier.ts";
import { describeValue } from "./checks/describe-value.ts";
import { warnOnce } from "./checks/diagnostics.ts";
import { ExperimentConfigError } from "./checks/errors.ts";
import { checkOptions } from "./checks/option-checks.ts";
import { ownOption } from "./checks/own-option.ts";
import type { FieldAccess, Fields } from "./fields/field.ts";
import { fieldOf, setField } from "./instance/field-setting.ts";
import { watchFirstHour } from "./instance/first-hour.ts";
import { type ExperimentsHandle, INSTANCE } from "./instance/handle.ts";
import { Instance } from "./instance/instance.ts";
import { liveInstances } from "./instance/live-instances.ts";
import { compileOptions, type ExperimentsOptions } from "./instance/options.ts";
import { faceOf } from "./instance/scope-face.ts";
import { writeForAllClients, writesForAllClientsByDefault } from "./outbound/all-clients.ts";
import { installStop } from "./outbound/stop.ts";
import type { Verdict } from "./policy/destinations.ts";
import { scopeOwnedBy } from "./scope/chain.ts";
import { getScope } from "./scope/holder.ts";
import type { Scope, ScopeCalls } from "./scope/public-scope.ts";
import type { RequestScope } from "./scope/request-scope.ts";
import type { Attribution } from "./telemetry/meter.ts";

/** The options of a meter. */
export interface ExperimentMeterOptions {
  /** The version of the instrumentation scope. Default: none. */
  readonly version?: string;
  /** The schema URL of the instrumentation scope. Default: none. */
  readonly schemaUrl?: string;
  /** `"primary"` (default) measures once, with the flat pair; `"each"` once per unforced assignment. */
  readonly attribution?: Attribution;
}

/** The experiments of one service, with the calls of the current request's scope. */
export interface Experiments<R extends Registry = Registry, F extends Fields = Fields>
  extends ExperimentsHandle,
    ScopeCalls<R, F> {
  /**
   * Replaces the declared experiments. Running requests keep their assignments.
   *
   * @throws ExperimentConfigError for a wrong registry; then nothing changes
   */
  replace(registry: Registry): void;
  /** The current request's scope; an empty one outside a request. */
  current(): Scope<R, F>;
  /** The scope of a request, by the framework's object or by node:http's; needs no async context. */
  of(request: object): Scope<R, F>;
  /**
   * An OpenTelemetry meter whose synchronous instruments add the scope's flat pair. The meter and these instruments may
   * be made before the SDK is started. An observable instrument gets no pair, and measures nothing if it is made before
   * the SDK is started: make it after that, by `metrics.getMeter` of `@opentelemetry/api`.
   */
  meter(name: string, options?: ExperimentMeterOptions): Meter;
  /**
   * Writes the current scope's own members into the headers of a message, if `propagateTo` names its destination. Own
   * members that are in the headers already are removed. Changes the given object, and returns it.
   */
  inject<C extends object>(carrier: C, options: InjectOptions): C;
  /**
   * Runs a function in the scope of a message, which is read from the message's headers. The result and the error are the
   * function's own; the scope ends when the result settles. It counts for late work for 30 seconds more.
   * An empty carrier runs a job, such as a poller, that shall belong to no request.
   *
   * @throws ExperimentUsageError without a function, in every mode, since there would be no result. In strict mode also
   *   for a value that is not a carrier, and for wrong options
   */
  run<T>(carrier: object | null | undefined, fn: () => T, options?: RunOptions): T;
  /**
   * Runs a function for the messages of a batch, one after the other, each in its own scope. The first error stops it.
   * Rejects with the errors that `run` throws.
   */
  runEach<M>(
    messages: Iterable<M> | AsyncIterable<M>,
    options: RunEachOptions<M>,
    fn: (message: M) => unknown,
  ): Promise<void>;
}

/**
 * Sets up the experiments of a service. From then on, own members leave the process only through wrapped clients, and
 * only to destinations of `propagateTo`.
 *
 * @throws ExperimentConfigError for wrong options; after that, mistakes throw only if `strict`
 */
export function createExperiments<const R extends Registry = Registry, const F extends Fields = Fields>(
  options: ExperimentsOptions<R, F> & { readonly experiments?: CheckedRegistry<R> },
): Experiments<R, F> {
  const compiled = compileOptions(options);
  const instance = new Instance(compiled, installStop(compiled.policy));
  if (writesForAllClientsByDefault()) instance.beforeClose(writeForAllClients(compiled.policy));
  watchFirstHour(instance);
  const opener: CarrierOpener = (baggage, header, outer) => readCarried(instance, () => baggage, header, outer);
  carrierOpeners().add(opener);
  liveInstances().add(instance);
  const current = (): Scope => faceOf(instance, instance.current());
  const experiments: Experiments & { readonly [INSTANCE]: Instance } = {
    [INSTANCE]: instance,
    variant: (key) => current().variant(key),
    record: (key, variant) => current().record(key, variant),
    assign: (key, ...given) => current().assign(key, ...given),
    use: (key) => current().use(key),
    expose: (key) => current().expose(key),
    convert: (name, given) => current().convert(name, given),
    replace: (registry) => instance.replace(registry),
    current,
    of: (request) => faceOf(instance, scopeOf(instance, request)),
    fields: Object.freeze({
      get: (name) => fieldOf(instance, instance.current(), name),
      set: (name, value) => setField(instance, instance.current(), name, value),
    } satisfies FieldAccess),
    meter: (name, meterOptions) => createMeter(instance, name, meterOptions),
    inject: (carrier, injectOptions) => injectBaggage(instance, carrier, injectOptions),
    run: (carrier, fn, runOptions) => runCarried(instance, carrier, fn, runOptions),
    runEach: (messages, runOptions, fn) => runEachCarried(instance, messages, runOptions, fn),
    explain: (url) => explain(instance, url),
    close: async () => {
      carrierOpeners().delete(opener);
      liveInstances().delete(instance);
      instance.close();
    },
  };
  // why: the registry's types are for the compiler; at run time its keys and variants are strings
  return Object.freeze(experiments) as unknown as Experiments<R, F>;
}

/** Fastify's request holds node:http's request as `raw`, Koa's context and node:http's response hold it as `req`. */
function scopeOf(instance: Instance, request: object): RequestScope {
  try {
    for (const candidate of [request, Reflect.get(request, "raw"), Reflect.get(request, "req")] as readonly unknown[]) {
      const scope = typeof candidate === "object" && candidate !== null ? getScope(candidate) : undefined;
      const owned = scopeOwnedBy(instance, scope);
      if (owned !== undefined) return owned;
    }
  } catch (error) {
    warnOnce("no-request", `of(${describeValue(request)}) was called with something that is not a request`, error);
  }
  return instance.emptyScope;
}

function createMeter(instance: Instance, name: string, options: ExperimentMeterOptions = {}): Meter {
  const [version, schemaUrl] = [ownOption(options, "version"), ownOption(options, "schemaUrl")];
  const { attribution = "primary" } = checkOptions("a meter", options, ["version", "schemaUrl", "attribution"]);
  if (attribution !== "primary" && attribution !== "each") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `attribution is ${describeValue(attribution)}; write "primary" or "each"`,
    );
  }
  return instance.meters.get(
    { name, version, options: schemaUrl === undefined ? undefined : { schemaUrl } },
    attribution,
  );
}

function explain(instance: Instance, url: string | URL): Verdict {
  const parsed = url instanceof URL ? url : URL.parse(url);
  if (parsed === null) return { allowed: false, reason: `${describeValue(url)} is not an absolute URL` };
  return instance.policy.destinations.explain(parsed);
}
