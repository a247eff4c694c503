import type { Attributes, Context } from "@opentelemetry/api";
import { METERS_LEFT_ALONE } from "../instruments.ts";
import { attributesWithPair } from "../measurement.ts";
import { isNew, replaceMethod } from "./replaced-method.ts";

/** The object in which the SDK's MeterProvider keeps the measurements of an instrument. */
interface Storage {
  getInstrumentDescriptor(): { readonly name: string; readonly type: string };
  record(value: number, attributes: Attributes, active: Context | undefined, time: unknown): void;
}

/**
 * Adds the flat pair to the measurements of instruments that already exist, in whichever module they are used. They are
 * found in private fields of the SDK's MeterProvider, which are the same in SDK 2.x and 3.x.
 *
 * @returns true if the private fields are as expected
 */
export function attributeMadeInstruments(provider: object, names: ReadonlySet<string>): boolean {
  const storages = storagesOf(provider);
  for (const storage of storages ?? []) {
    const { name, type } = storage.getInstrumentDescriptor();
    if (names.has(name) && !type.startsWith("OBSERVABLE") && isNew(storage)) attributeStorage(storage);
  }
  return storages !== undefined;
}

function attributeStorage(storage: Storage): void {
  replaceMethod(
    storage,
    "record",
    (record) =>
      function (this: Storage, value, attributes, active, time) {
        record.call(this, value, attributesWithPair(attributes, active) ?? attributes, active, time);
      },
  );
}

/** Undefined if a private field is not as in the SDK. */
function storagesOf(provider: object): readonly Storage[] | undefined {
  const state = property(provider, "_sharedState");
  const collectors = property(state, "metricCollectors");
  const meters = property(state, "meterSharedStates");
  if (!Array.isArray(collectors) || !(meters instanceof Map)) return undefined;
  const storages: Storage[] = [];
  for (const meter of meters.values()) {
    if (METERS_LEFT_ALONE.has(String(property(property(meter, "_instrumentationScope"), "name")))) continue;
    const registry = property(meter, "metricStorageRegistry");
    const getStorages = property(registry, "getStorages");
    if (typeof getStorages !== "function") return undefined;
    for (const collector of collectors) {
      const found: unknown = getStorages.call(registry, collector);
      if (!Array.isArray(found) || !found.every(isStorage)) return undefined;
      storages.push(...found);
    }
  }
  return storages;
}

function isStorage(candidate: unknown): candidate is Storage {
  return (
    typeof property(candidate, "getInstrumentDescriptor") === "function" &&
    typeof property(candidate, "record") === "function"
  );
}

function property(target: unknown, name: string): unknown {
  return typeof target === "object" && target !== null ? Reflect.get(target, name) : undefined;
}
