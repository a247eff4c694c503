import { type Baggage, type BaggageEntry, baggageEntryMetadataFromString, propagation } from "@opentelemetry/api";
import { isToken, trimOws } from "../baggage/grammar.ts";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers } from "../baggage/merge.ts";
import { percentDecode, percentEncode } from "../baggage/percent.ts";
import { attempt } from "../checks/diagnostics.ts";

/** A foreign member: as text to write, and as OpenTelemetry's entry, if it can be one. */
interface ForeignMember {
  /** The member as received, or encoded if it is not valid in a header; `""` if it cannot be written. */
  readonly text: string;
  readonly key: string | undefined;
  readonly entry: BaggageEntry | undefined;
}

/**
 * The foreign members of a carrier: as OpenTelemetry's baggage, for code that reads it, and as text, to pass them on byte
 * for byte unless they are changed. OpenTelemetry decodes and encodes each member, and loses some.
 */
export class ForeignMembers {
  readonly #members: readonly ForeignMember[];
  readonly #baggage: Baggage | undefined;

  /** @param text without own members; the whole members within 8192 bytes are kept */
  constructor(text: string) {
    this.#members = membersWithin(splitMembers(text), MAX_HEADER_BYTES).map(parseMember);
    this.#baggage = this.#members.length === 0 ? undefined : baggageOf(this.#members);
  }

  /** The baggage for OpenTelemetry's context; undefined without members. */
  get baggage(): Baggage | undefined {
    return this.#baggage;
  }

  /** The members to write for a context whose baggage may have changed. */
  textsFor(baggage: Baggage): readonly string[] {
    if (baggage === this.#baggage) return this.#members.flatMap(({ text }) => (text === "" ? [] : [text]));
    const texts: string[] = [];
    const unchanged = new Set<string>();
    for (const { text, key } of this.#members) {
      if (key === undefined || !isSameEntry(baggage.getEntry(key), this.#baggage?.getEntry(key))) continue;
      if (text !== "") texts.push(text);
      unchanged.add(key);
    }
    return [...texts, ...formatEntries(baggage, (key) => unchanged.has(key))];
  }
}

/** The members of a context's baggage, formatted. A member that cannot be written is left out. */
export function formatEntries(baggage: Baggage, isWritten: (key: string) => boolean = () => false): readonly string[] {
  return baggage.getAllEntries().flatMap(([key, entry]) => {
    const text = isWritten(key) ? undefined : attempt("carrier", UNWRITABLE, () => formatEntry(key, entry));
    return text === undefined ? [] : [text];
  });
}

/** The whole members that fit, in their order. */
export function membersWithin(members: readonly string[], bytes: number): readonly string[] {
  let length = -1;
  return members.filter((member) => {
    if (length + 1 + member.length > bytes) return false;
    length += 1 + member.length;
    return true;
  });
}

const UNWRITABLE = "a member of OpenTelemetry's baggage could not be written, and is left out";

/** A character beyond printable ASCII and tab. It is encoded, since some carriers throw for it. */
const UNPRINTABLE = /[^\t\x20-\x7e]/;

function parseMember(raw: string): ForeignMember {
  const semicolon = raw.indexOf(";");
  const pair = semicolon === -1 ? raw : raw.slice(0, semicolon);
  const rawKey = memberKey(pair);
  const value = percentDecode(trimOws(pair.slice(pair.indexOf("=") + 1)));
  const isWritable = !UNPRINTABLE.test(raw);
  if (rawKey === "" || value === undefined) return { text: isWritable ? raw : "", key: undefined, entry: undefined };
  const metadata = semicolon === -1 ? "" : trimOws(raw.slice(semicolon + 1));
  const entry = metadata === "" ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) };
  const key = percentDecode(rawKey) ?? rawKey;
  return { text: isWritable ? raw : (formatEntry(key, entry) ?? ""), key, entry };
}

function baggageOf(members: readonly ForeignMember[]): Baggage {
  // OpenTelemetry takes only an object. Without a prototype, `__proto__` is a key like any other.
  const entries: Record<string, BaggageEntry> = Object.create(null);
  for (const { key, entry } of members) if (key !== undefined && entry !== undefined) entries[key] = entry;
  return propagation.createBaggage(entries);
}

function isSameEntry(one: BaggageEntry | undefined, other: BaggageEntry | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.value === other.value &&
    one.metadata?.toString() === other.metadata?.toString()
  );
}

function formatEntry(key: string, { value, metadata }: BaggageEntry): string | undefined {
  if (typeof value !== "string" || key === "") return undefined;
  const properties: unknown = metadata === undefined ? "" : metadata.toString();
  if (typeof properties !== "string") return undefined;
  // A comma would start another member, and a line break another header.
  if (properties.includes(",") || UNPRINTABLE.test(properties)) return undefined;
  const text = `${formatKey(key)}=${percentEncode(value)}`;
  return properties === "" ? text : `${text};${properties}`;
}

/** Encodes a key as OpenTelemetry's propagator does, but only if needed. */
function formatKey(key: string): string {
  if (isToken(key) && !key.includes("%")) return key;
  return encodeURIComponent(key.toWellFormed()).replaceAll("(", "%28").replaceAll(")", "%29");
}
