import { isName, latin1 } from "../http/header-parts.ts";

/**
 * The object that holds the headers of a message or a call: a plain object, such as kafkajs's `message.headers` and
 * amqplib's `properties.headers`; a `Map`; or an object with `get` and `set`, such as `Headers` and gRPC's `Metadata`.
 *
 * Text is handled as in HTTP headers, one character for each byte: bytes beyond ASCII stay as they are.
 */
export type Carrier = object;

/** Whether a value can hold headers. A list cannot. */
export function isCarrier(value: unknown): value is Carrier {
  if (typeof value !== "object" || value === null) return false;
  try {
    return !Array.isArray(value);
  } catch {
    return true; // A revoked proxy, which throws when it is read.
  }
}

/** One header of a carrier. */
export interface CarrierEntry {
  /** The header's names in the carrier, in any case. */
  readonly names: readonly string[];
  /** One character for each byte. */
  readonly lines: readonly string[];
  /** Whether one of its values is bytes. */
  readonly isBytes: boolean;
}

const NO_ENTRY: CarrierEntry = Object.freeze({ names: [], lines: [], isBytes: false });

/**
 * Reads a header by its lower-case name. A value that is neither text nor bytes, nor a list of these, is left out. Throws
 * if the carrier throws.
 */
export function readEntry(carrier: Carrier | null | undefined, name: string): CarrierEntry {
  if (carrier === null || carrier === undefined) return NO_ENTRY;
  const access = accessTo(carrier);
  const names = access.names(name);
  if (names.length === 0) return NO_ENTRY;
  const values = names.flatMap((one) => valuesOf(access.get(one)));
  return {
    names,
    lines: linesIn(values),
    isBytes: values.some((value) => typeof value !== "string"),
  };
}

/** Replaces an entry by a header under one name; `""` removes the entry. Throws if the carrier throws. */
export function writeEntry(carrier: Carrier, name: string, entry: CarrierEntry, text: string): void {
  const access = accessTo(carrier);
  if (text !== "") access.set(name, isAscii(text) ? text : encode(text, entry.isBytes));
  for (const other of entry.names) if (other !== name || text === "") access.remove(other);
}

/** The lines of a value from a carrier or from OpenTelemetry's getter, one character for each byte. */
export function linesIn(value: unknown): readonly string[] {
  return valuesOf(value).map((one) => (typeof one === "string" ? bytesOf(one) : latin1(one)));
}

/** Decodes the bytes of a line as UTF-8. */
export function textOf(line: string): string {
  return isAscii(line) ? line : Buffer.from(line, "latin1").toString();
}

interface Access {
  /** The names in the carrier that equal this one, in any case. */
  names(name: string): readonly string[];
  get(name: string): unknown;
  set(name: string, value: string | Uint8Array): void;
  remove(name: string): void;
}

function accessTo(carrier: Carrier): Access {
  const hasCalls = isMethod(Reflect.get(carrier, "get")) && isMethod(Reflect.get(carrier, "set"));
  return hasCalls ? accessByCalls(carrier) : accessByProperties(carrier);
}

function isMethod(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

/** Reads only the object's own properties: inherited ones do not come from the message. */
function accessByProperties(carrier: Carrier): Access {
  return {
    names: (name) => Object.keys(carrier).filter((own) => isName(own, name)),
    get: (name): unknown => Reflect.get(carrier, name),
    set: (name, value) => demand(Reflect.set(carrier, name, value)),
    remove: (name) => demand(Reflect.deleteProperty(carrier, name)),
  };
}

function accessByCalls(carrier: Carrier): Access {
  const call = (method: string, ...args: readonly unknown[]): unknown => {
    const fn: unknown = Reflect.get(carrier, method);
    return isMethod(fn) ? Reflect.apply(fn, carrier, args) : undefined;
  };
  return {
    names(name) {
      const keys = call("keys");
      if (isIterable(keys)) return Array.from(keys, String).filter((key) => isName(key, name));
      // gRPC's Metadata does not list its names; all are in lower case.
      return valuesOf(call("get", name)).length === 0 ? [] : [name];
    },
    get: (name) => call("get", name),
    set: (name, value) => void call("set", name, value),
    remove: (name) => void call(isMethod(Reflect.get(carrier, "delete")) ? "delete" : "remove", name),
  };
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

function demand(done: boolean): void {
  if (!done) throw new TypeError("the carrier takes no header");
}

function valuesOf(value: unknown): readonly (string | Uint8Array)[] {
  if (typeof value === "string" || value instanceof Uint8Array) return [value];
  return Array.isArray(value) ? value.flatMap((one) => (Array.isArray(one) ? [] : valuesOf(one))) : [];
}

export function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

/** Text in a carrier stands for UTF-8 bytes. */
function bytesOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

function encode(text: string, asBytes: boolean): string | Uint8Array {
  const bytes = Buffer.from(text, "latin1");
  return asBytes ? bytes : bytes.toString("utf8");
}
