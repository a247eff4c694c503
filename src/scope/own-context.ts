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
 *
 * @param isLikely whether the request brought own members, so that the keys need no look before the baggage is read
 */
export function contextWithoutOwn(
  keys: OwnKeys,
  active: Context = context.active(),
  isLikely = false,
): Context | undefined {
  try {
    return removeOwn(keys, active, isLikely);
  } catch (error) {
    warnOnce("inbound", UNREADABLE, error);
    return undefined;
  }
}

/** Like `contextWithoutOwn`, but throws if the baggage throws. */
export function removeOwn(keys: OwnKeys, active: Context, isLikely = false): Context | undefined {
  const baggage = active === ROOT_CONTEXT ? undefined : propagation.getBaggage(active);
  if (baggage === undefined) return undefined;
  const isNeeded = isLikely || baggage.getAllEntries().some(([key]) => keys.owns(key));
  return isNeeded ? new CleanedContext(active, new CleanedBaggage(keys, baggage)) : undefined;
}

/**
 * Takes own members out of the baggage object that an instrumentation has made for a request. Listeners that the
 * instrumentation binds run in a context of its own, which has this object. False if it is not of OpenTelemetry's class,
 * which has kept its entries under this name since 1.0; then only a context is cleaned. True also if there is none.
 */
export function takeOutOwn(keys: OwnKeys, active: Context): boolean {
  return attempt("inbound", UNREADABLE, () => takeOut(keys, propagation.getBaggage(active))) === true;
}

function takeOut(keys: OwnKeys, baggage: unknown): boolean {
  if (baggage === undefined) return true;
  if (typeof baggage !== "object" || baggage === null) return false;
  const entries: unknown = Reflect.get(baggage, "_entries");
  if (!(entries instanceof Map)) return false;
  for (const key of entries.keys()) if (keys.owns(String(key))) entries.delete(key);
  return true;
}

/** Cleaned on the first reading, since most requests never read OpenTelemetry's baggage after that. Never throws. */
class CleanedBaggage {
  #keys: OwnKeys | undefined;
  #baggage: Baggage;

  constructor(keys: OwnKeys, baggage: Baggage) {
    this.#keys = keys;
    this.#baggage = baggage;
  }

  get(): Baggage {
    const keys = this.#keys;
    if (keys === undefined) return this.#baggage;
    this.#keys = undefined;
    const baggage = this.#baggage;
    // Nothing is in it while it is read, and if it cannot be read.
    this.#baggage = propagation.createBaggage();
    this.#baggage = attempt("inbound", UNREADABLE, () => withoutOwn(keys, baggage)) ?? this.#baggage;
    return this.#baggage;
  }
}

/** The baggage itself, if it has no own members. */
function withoutOwn(keys: OwnKeys, baggage: Baggage): Baggage {
  const own = baggage.getAllEntries().flatMap(([key]) => (keys.owns(key) ? [key] : []));
  return own.length === 0 ? baggage : baggage.removeEntries(...own);
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
