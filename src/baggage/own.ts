import { isBaggageOctets, isOws, isPlainOctet, trimOws } from "./grammar.ts";
import { isChangeable, isTrimmed, lenientKey } from "./lenient-key.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import { memberKey } from "./merge.ts";
import { percentDecode } from "./percent.ts";

/** Own members of one header, found without parsing the others. */
export interface OwnMembers {
  /**
   * Three strings for each member, in header order: the part of the key between the prefix and its last dot
   * (`checkout`), the part after that dot (`variant`), and the decoded value.
   */
  readonly parts: readonly string[];
  /** Two strings for each member whose whole key is a declared name, in header order: the name and the decoded value. */
  readonly fields: readonly string[];
  /** Own members whose value breaks the grammar, or whose key has white space around it that only some readers trim. */
  readonly malformed: number;
  /** Own members beyond the header's 8192 bytes. */
  readonly overBudget: number;
  /** Members whose key is own only to a lenient reader, which decodes or trims it. */
  readonly encoded: number;
}

const NO_TEXTS: readonly string[] = Object.freeze([]);

const NONE: OwnMembers = Object.freeze({ parts: NO_TEXTS, fields: NO_TEXTS, malformed: 0, overBudget: 0, encoded: 0 });

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const DOT = 0x2e;

/** The default prefix of own members' keys. */
export const DEFAULT_PREFIX = "experiment.";

/** Finds the members under one prefix, and those with declared names. Facts about prefix and names are computed once. */
export class OwnMemberReader {
  readonly prefix: string;
  readonly #names: ReadonlySet<string>;
  readonly #longestName: number;

  /** @param names whole keys, each a token without a percent sign and not under the prefix */
  constructor(prefix: string, names: Iterable<string> = []) {
    this.prefix = prefix;
    this.#names = new Set(names);
    this.#longestName = Math.max(0, ...[...this.#names].map((name) => name.length));
  }

  /**
   * Reads the own members of a header. The cost is one search for the prefix, not a parse of the other members; with
   * declared names, also a look at each key. Never throws; linear in the length of the header.
   */
  read(header: string): OwnMembers {
    const own = this.#readUnderPrefix(header);
    return this.#names.size === 0 ? own : this.#withFields(header, own);
  }

  #readUnderPrefix(header: string): OwnMembers {
    const first = header.indexOf(this.prefix);
    const encoded = this.#countHidden(header, MAX_HEADER_BYTES);
    if (first === -1) return encoded === 0 ? NONE : { ...NONE, encoded };

    const parts: string[] = [];
    let malformed = 0;
    let overBudget = 0;
    for (let at = first; at !== -1; ) {
      const lead = leadOf(header, at);
      const comma = header.indexOf(",", at);
      const end = comma === -1 ? header.length : comma;
      if (lead !== "inside") {
        if (end > MAX_HEADER_BYTES && at + trimOws(header.slice(at, end)).length > MAX_HEADER_BYTES) overBudget++;
        else if (lead === "foreign-space" || !pushMember(parts, header, at + this.prefix.length, end)) malformed++;
      }
      at = comma === -1 ? -1 : header.indexOf(this.prefix, comma);
    }
    return { parts, fields: NO_TEXTS, malformed, overBudget, encoded };
  }

  /** Adds the members with declared names. Of the other members only the key is read. */
  #withFields(header: string, own: OwnMembers): OwnMembers {
    let fields: string[] | undefined;
    let { malformed, overBudget } = own;
    for (let start = 0; start < header.length; ) {
      const comma = header.indexOf(",", start);
      const end = comma === -1 ? header.length : comma;
      const name = this.#nameIn(header, start, end);
      if (name !== undefined) {
        if (end > MAX_HEADER_BYTES && start + endOfContent(header, start, end) > MAX_HEADER_BYTES) overBudget++;
        else {
          const value = name.isClean ? valueIn(header, name.end, end) : undefined;
          if (value === undefined) malformed++;
          else (fields ??= []).push(name.text, value);
        }
      }
      start = end + 1;
    }
    const isAsItWas = fields === undefined && malformed === own.malformed && overBudget === own.overBudget;
    return isAsItWas ? own : { ...own, fields: fields ?? NO_TEXTS, malformed, overBudget };
  }

  /** The declared name that is the key of the member in a range, also if it is so only to readers that trim more. */
  #nameIn(header: string, start: number, end: number): NameInHeader | undefined {
    const from = startOf(header, start, end);
    const keyEnd = endOfKey(header, from, end);
    const to = endBefore(header, from, keyEnd);
    if (to === from || to - from > this.#longestName) return undefined;
    const text = header.slice(from, to);
    if (!this.#names.has(text)) return undefined;
    const isClean = isOwsOnly(header, start, from) && isOwsOnly(header, to, keyEnd);
    return { text, end: keyEnd, isClean };
  }

  /** Whether a list may hold an own member: a quick test before its members are read one by one. */
  mayBeIn(list: string): boolean {
    return list.includes(this.prefix) || this.#hasName(list) || this.#countHidden(list, list.length) > 0;
  }

  #hasName(list: string): boolean {
    if (this.#names.size === 0) return false;
    for (let start = 0; start < list.length; ) {
      const comma = list.indexOf(",", start);
      const end = comma === -1 ? list.length : comma;
      if (this.#nameIn(list, start, end) !== undefined) return true;
      start = end + 1;
    }
    return false;
  }

  /**
   * Whether a key, on the wire or in OpenTelemetry's baggage, is an own key: it has the prefix or is a declared name, as
   * it is or to a lenient reader. Such a reader, behind this service, would make an own key of it.
   */
  owns(key: string): boolean {
    return this.#ownsAsItStands(key) || (isChangeable(key) && this.#ownsAsItStands(lenientKey(key)));
  }

  /** The same for a whole member. One with an own key and no value breaks the grammar; it counts as own all the same. */
  ownsMember(member: string): boolean {
    if (this.owns(memberKey(member)) || member.startsWith(this.prefix, startOf(member, 0, member.length))) return true;
    return this.#names.size > 0 && this.#nameIn(member, 0, member.length) !== undefined;
  }

  #ownsAsItStands(key: string): boolean {
    return key.startsWith(this.prefix) || this.#names.has(key);
  }

  /** Counts the members before `end` whose key is own only to a lenient reader. Values are not looked at. */
  #countHidden(header: string, end: number): number {
    let count = 0;
    HIDING.lastIndex = 0;
    while (HIDING.test(header)) {
      const at = HIDING.lastIndex - 1;
      if (at >= end) break;
      const start = header.lastIndexOf(",", at) + 1;
      const comma = header.indexOf(",", at);
      const keyEnd = endOfKey(header, at, comma === -1 ? header.length : comma);
      if (header.charCodeAt(keyEnd) === EQUALS) {
        const key = header.slice(startOf(header, start, keyEnd), endBefore(header, start, keyEnd));
        if (!this.#ownsAsItStands(key) && this.owns(key)) count++;
      }
      if (comma === -1) break;
      HIDING.lastIndex = comma;
    }
    return count;
  }
}

/**
 * A member up to the first character of its key by which the key may be another one to a lenient reader: a percent sign,
 * a plus sign, or anything but printable ASCII. A space and a tab are in the grammar. Values are not looked at.
 */
const HIDING = /(?:^|,)[\t -$&-*\--:<>-~]*[^\t -$&-*,-~]/g;

/** The index where the key of a member ends: at its first equal sign or semicolon, or at its own end. */
function endOfKey(text: string, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === EQUALS || code === SEMICOLON) break;
  }
  return at;
}

/** The first index that holds a character which no reader trims. */
function startOf(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isTrimmed(text.charCodeAt(at))) at++;
  return at;
}

/** The index after the last character which no reader trims. */
function endBefore(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isTrimmed(text.charCodeAt(at - 1))) at--;
  return at;
}

/**
 * The text between the last comma and the prefix. `clean`: nothing, or white space that the grammar allows, so a
 * member starts here. `foreign-space`: characters that only some readers trim, so this is a member to them but not to
 * the grammar. `inside`: other characters, so the prefix is part of another member.
 */
type Lead = "clean" | "foreign-space" | "inside";

function leadOf(header: string, at: number): Lead {
  let lead: Lead = "clean";
  for (let i = at - 1; i >= 0; i--) {
    const code = header.charCodeAt(i);
    if (code === COMMA) return lead;
    if (isOws(code)) continue;
    if (!isTrimmed(code)) return "inside";
    lead = "foreign-space";
  }
  return lead;
}

/** A key that is a declared name, with the index where the key ends. */
interface NameInHeader {
  readonly text: string;
  readonly end: number;
  /** Whether the grammar allows all white space around it. */
  readonly isClean: boolean;
}

function isOwsOnly(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isOws(text.charCodeAt(at))) return false;
  return true;
}

/** The length of a member without the white space after it. */
function endOfContent(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isOws(text.charCodeAt(at - 1))) at--;
  return at - start;
}

/** The decoded value after a key; undefined if there is none or it breaks the grammar. */
function valueIn(header: string, keyEnd: number, end: number): string | undefined {
  if (keyEnd === end || header.charCodeAt(keyEnd) !== EQUALS) return undefined;
  const semicolon = header.slice(keyEnd + 1, end).indexOf(";");
  return decodeValue(header.slice(keyEnd + 1, semicolon === -1 ? end : keyEnd + 1 + semicolon));
}

function decodeValue(raw: string): string | undefined {
  const value = trimOws(raw);
  return isBaggageOctets(value) ? percentDecode(value) : undefined;
}

/** Reads one member, from the end of its prefix to its own end. False if it breaks the grammar. */
function pushMember(parts: string[], header: string, start: number, end: number): boolean {
  let equals = start;
  let dot = -1;
  for (; equals < end; equals++) {
    const code = header.charCodeAt(equals);
    if (code === EQUALS) break;
    if (code === SEMICOLON) return false;
    if (code === DOT) dot = equals;
  }
  if (equals === end) return false;
  let isPlain = true;
  let valueEnd = equals + 1;
  for (; valueEnd < end; valueEnd++) {
    const code = header.charCodeAt(valueEnd);
    if (code === SEMICOLON) break;
    isPlain &&= isPlainOctet(code);
  }
  const raw = header.slice(equals + 1, valueEnd);
  const value = isPlain ? raw : decodeValue(raw);
  if (value === undefined) return false;
  parts.push(
    dot === -1 ? "" : header.slice(start, dot),
    header.slice(dot === -1 ? start : dot + 1, equals - owsBefore(header, equals)),
    value,
  );
  return true;
}

/** The length of the white space before an index. It may begin right after the last dot; then the key is no token. */
function owsBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && isOws(text.charCodeAt(start - 1))) start--;
  return end - start;
}
