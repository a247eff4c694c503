import { type Baggage, type Context, context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { attempt, warnOnce } from "../checks/diagnostics.ts";

const UNREADABLE = "OpenTelemetry's baggage could not be read";

/** Tells own keys from foreign ones. */
export interface OwnKeys {
  owns(key: string): boolean;
}

/**
 * A context without own members in OpenTelemetry's baggage; undefined if there are none to remove. A request passes own
 * members on from its scope alone: OpenTelemetry's copy would bypass `trustInbound` and `propagateTo`.
 */
export function contextWithoutOwn(keys: OwnKeys, active: Context = context.active()): Context | undefined {
  try {
    return removeOwn(keys, active);
  } catch (error) {
    warnOnce("inbound", UNREADABLE, error);
    return undefined;
  }
}

/** Like `contextWithoutOwn`, but throws if the baggage throws. */
export function removeOwn(keys: OwnKeys, active: Context): Context | undefined {
  const baggage = active === ROOT_CONTEXT ? undefined : propagation.getBaggage(active);
  if (baggage === undefined) return undefined;
  let own: string[] | undefined;
  for (const [key] of baggage.getAllEntries()) if (keys.owns(key)) (own ??= []).push(key);
  return own === undefined ? undefined : new CleanedContext(active, new CleanedBaggage(baggage, own));
}

/** Made on the first reading, since most requests never read OpenTelemetry's baggage after that. Never throws. */
class CleanedBaggage {
  #own: readonly string[] | undefined;
  #baggage: Baggage;

  constructor(baggage: Baggage, own: readonly string[]) {
    this.#baggage = baggage;
    this.#own = own;
  }

  get(): Baggage {
    if (this.#own !== undefined) {
      const [baggage, own] = [this.#baggage, this.#own];
      this.#own = undefined;
      const cleaned = attempt("inbound", UNREADABLE, () => baggage.removeEntries(...own));
      this.#baggage = cleaned ?? propagation.createBaggage();
    }
    return this.#baggage;
  }
}

/** The key of the baggage in a context, for which OpenTelemetry's API asks it. */
const BAGGAGE_KEY = keyOfBaggage();

function keyOfBaggage(): symbol | undefined {
  let asked: symbol | undefined;
  propagation.getBaggage({
    getValue(key) {
      asked = key;
      return undefined;
    },
    setValue: () => ROOT_CONTEXT,
    deleteValue: () => ROOT_CONTEXT,
  });
  return asked;
}

/** A context with another baggage. OpenTelemetry's own `setValue` copies all values of a context. */
class CleanedContext implements Context {
  readonly #base: Context;
  readonly #cleaned: CleanedBaggage;

  constructor(base: Context, cleaned: CleanedBaggage) {
    this.#base = base;
    this.#cleaned = cleaned;
  }

  getValue(key: symbol): unknown {
    return key === BAGGAGE_KEY ? this.#cleaned.get() : this.#base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#derive(key, this.#base.setValue(key, value));
  }

  deleteValue(key: symbol): Context {
    return this.#derive(key, this.#base.deleteValue(key));
  }

  #derive(key: symbol, base: Context): Context {
    return key === BAGGAGE_KEY ? base : new CleanedContext(base, this.#cleaned);
  }
}
