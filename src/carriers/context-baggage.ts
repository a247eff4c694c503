import { type Baggage, type BaggageEntry, baggageEntryMetadataFromString, propagation } from "@opentelemetry/api";
import { isToken, trimOws } from "../baggage/grammar.ts";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers } from "../baggage/merge.ts";
import { percentDecode, percentEncode } from "../baggage/percent.ts";
import { attempt } from "../checks/diagnostics.ts";

/** A member of somebody else's: as it is to be written, and as OpenTelemetry has it, where it can. */
interface ForeignMember {
  /** As it stood on the wire, unless it may not stand there; `""` for what cannot be written. */
  readonly text: string;
  readonly key: string | undefined;
  readonly entry: BaggageEntry | undefined;
}

/**
 * The others' members of a carrier, in OpenTelemetry's baggage for whoever reads it there, and as text to be passed on
 * byte for byte as long as nobody changes them. OpenTelemetry's own way decodes and encodes each, and loses some.
 */
export class ForeignMembers {
  readonly #members: readonly ForeignMember[];
  readonly #baggage: Baggage | undefined;

  /** @param text without own members; whole members within 8192 bytes are taken */
  constructor(text: string) {
    this.#members = membersWithin(splitMembers(text), MAX_HEADER_BYTES).map(parseMember);
    this.#baggage = this.#members.length === 0 ? undefined : baggageOf(this.#members);
  }

  /** What OpenTelemetry's context is to have; undefined where there is nothing. */
  get baggage(): Baggage | undefined {
    return this.#baggage;
  }

  /** The members to write for a context whose baggage may have been changed since. */
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

/** The members of a context's baggage, formatted: one that cannot be written is left out, alone. */
export function formatEntries(baggage: Baggage, isWritten: (key: string) => boolean = () => false): readonly string[] {
  return baggage.getAllEntries().flatMap(([key, entry]) => {
    const text = isWritten(key) ? undefined : attempt("carrier", UNWRITABLE, () => formatEntry(key, entry));
    return text === undefined ? [] : [text];
  });
}

/** The members that fit, whole, in their order. */
export function membersWithin(members: readonly string[], bytes: number): readonly string[] {
  let length = -1;
  return members.filter((member) => {
    if (length + 1 + member.length > bytes) return false;
    length += 1 + member.length;
    return true;
  });
}

const UNWRITABLE = "a member of OpenTelemetry's baggage could not be written, and is left out";

/** A member of a header is ASCII. What is not is encoded, since some carriers throw at it. */
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
  // Without a prototype, a key such as __proto__ is a key like others. OpenTelemetry takes nothing else.
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
  // A comma would begin another member, and a line break another header.
  if (properties.includes(",") || UNPRINTABLE.test(properties)) return undefined;
  const text = `${formatKey(key)}=${percentEncode(value)}`;
  return properties === "" ? text : `${text};${properties}`;
}

/** Encoded as OpenTelemetry's propagator does, which decodes keys, but only where that is needed. */
function formatKey(key: string): string {
  if (isToken(key) && !key.includes("%")) return key;
  return encodeURIComponent(key.toWellFormed()).replaceAll("(", "%28").replaceAll(")", "%29");
}
