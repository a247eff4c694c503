import { type Context, propagation, type TextMapGetter, type TextMapSetter } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers } from "../baggage/merge.ts";
import { DEFAULT_PREFIX, OwnMemberReader } from "../baggage/own.ts";
import { attempt } from "../checks/diagnostics.ts";
import type { HeaderGetter } from "../http/shapes.ts";
import { compileDestinations } from "../policy/destinations.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { OutgoingBaggage, separate } from "../propagation/outgoing-baggage.ts";
import { scopesOf } from "../scope/chain.ts";
import { extractionIn, extractions, withExtraction } from "../scope/extraction.ts";
import { latestScope } from "../scope/finding.ts";
import { type OwnKeys, removeOwn } from "../scope/own-context.ts";
import { type CarrierEntry, isAscii, isCarrier, linesIn, readEntry, textOf, writeEntry } from "./carrier.ts";
import { formatEntries, membersWithin } from "./context-baggage.ts";
import { ExtractedCarrier } from "./extracted-carrier.ts";

const BAGGAGE = "baggage";

/**
 * Reads a carrier as OpenTelemetry's propagator does, but keeps own members out of OpenTelemetry's baggage. They stay in
 * the context until its scope is asked for; only then does `trustInbound` decide about them. Never throws.
 */
export function extractCarrier(active: Context, carrier: unknown, getter: TextMapGetter): Context {
  const extracted = attempt("carrier", "a carrier could not be read, so nothing is taken from it", () => {
    extractions().areMade = true;
    const header = headerOf(carrier, getter);
    const received = header(BAGGAGE) ?? "";
    const line = typeof received === "string" ? received : received.join(",");
    const { foreign, own } = separate(line, readingPolicies());
    const extraction = new ExtractedCarrier(active, foreign, own, isOfHttp(carrier, header) ? undefined : header);
    const withCarrier = withExtraction(active, extraction);
    const { baggage } = extraction.foreign;
    return baggage === undefined
      ? (removeOwn(ownKeys(), withCarrier) ?? withCarrier)
      : propagation.setBaggage(withCarrier, baggage);
  });
  return extracted ?? active;
}

/**
 * Merges into one line of a carrier: its foreign members, those of OpenTelemetry's baggage, and the own members of the
 * context's scope. Never throws.
 *
 * @param mayPass whether own members may go to the carrier's destination; called at most once, only if there is a scope
 */
export function injectCarrier(active: Context, carrier: unknown, setter: TextMapSetter, mayPass: () => boolean): void {
  attempt("carrier", "a carrier could not be filled", () => {
    if (isTracingSuppressed(active)) return;
    const policies = policiesInForce();
    const scopes = scopesOf(latestScope(active)).filter(({ owner }) => policies.has(owner.policy));
    let passes: boolean | undefined;
    const outgoing = new OutgoingBaggage(readingPolicies(), scopes, { allowedBy: () => (passes ??= mayPass()) });
    const entry = isCarrier(carrier) ? readEntry(carrier, BAGGAGE) : readEntry(undefined, BAGGAGE);
    for (const member of foreignFor(active, entry)) outgoing.add(member);
    // Not measured: if the carrier is an HTTP request, the stop takes these members off and writes its own line.
    put(carrier, setter, entry, outgoing.text);
  });
}

/** The foreign members: the carrier's, then the context's with other keys. Each is kept whole or left out. */
function foreignFor(active: Context, entry: CarrierEntry): readonly string[] {
  const present = entry.lines.flatMap(splitMembers);
  const keys = new Set(present.map(memberKey));
  const added = membersIn(active).filter((member) => !keys.has(memberKey(member)));
  return membersWithin([...present, ...added], MAX_HEADER_BYTES);
}

function membersIn(active: Context): readonly string[] {
  // Own members in OpenTelemetry's baggage come from no scope: the user's code put them there.
  const baggage = propagation.getBaggage(removeOwn(ownKeys(), active) ?? active);
  if (baggage === undefined) return [];
  const extraction = extractionIn(active);
  // Not by `instanceof`: another copy of the package has a class of its own.
  return extraction === undefined ? formatEntries(baggage) : extraction.foreign.textsFor(baggage);
}

function put(carrier: unknown, setter: TextMapSetter, entry: CarrierEntry, text: string): void {
  const isAlone = entry.names.length === 1 && entry.names[0] === BAGGAGE && entry.lines.length === 1;
  if (text === "" ? entry.names.length === 0 : isAlone && entry.lines[0] === text) return;
  // A setter takes only text, and cannot remove a header.
  const bypassesSetter = isCarrier(carrier) && (text === "" || (entry.isBytes && !isAscii(text)));
  if (bypassesSetter) return writeEntry(carrier, BAGGAGE, entry, text);
  if (text === "") return;
  try {
    setter.set(carrier, BAGGAGE, textOf(text));
  } catch (error) {
    // gRPC's Metadata throws for a tab, and for text beyond ASCII.
    const printable = printableMembers(text);
    if (printable === "" || printable === text) throw error;
    setter.set(carrier, BAGGAGE, printable);
  }
  const others = { ...entry, names: entry.names.filter((name) => name !== BAGGAGE) };
  if (isCarrier(carrier)) writeEntry(carrier, BAGGAGE, others, "");
}

function printableMembers(text: string): string {
  const members = splitMembers(text).map((member) => member.trim());
  return members.filter((member) => !/[^\x20-\x7e]/.test(member)).join(",");
}

/** Reads headers by OpenTelemetry's getter; if it finds none, by their names in any case. */
function headerOf(carrier: unknown, getter: TextMapGetter): HeaderGetter {
  return (name) => {
    const given = linesIn(getter.get(carrier, name));
    const lines = given.length === 0 && isCarrier(carrier) ? readEntry(carrier, name.toLowerCase()).lines : given;
    return lines.length < 2 ? lines.map(textOf)[0] : lines.map(textOf);
  };
}

/** Headers by which an HTTP request is known: `host` in HTTP/1.1 (RFC 9112, section 3.2), the others in Node's HTTP/2. */
const HTTP_HEADERS = ["host", ":authority", ":method"] as const;

/** False for gRPC, which runs over HTTP/2 too, since no adapter opens a scope for it. */
function isOfHttp(carrier: unknown, header: HeaderGetter): boolean {
  if (isCarrier(carrier) && typeof Reflect.get(carrier, "getMap") === "function") return false;
  return HTTP_HEADERS.some((name) => header(name) !== undefined);
}

/** The policy while there is no instance: members with the default prefix are own, and are not passed on. */
const DEFAULT_POLICY: EgressPolicy = {
  reader: new OwnMemberReader(DEFAULT_PREFIX),
  destinations: compileDestinations([]),
  foreignBaggage: "everywhere",
  strict: false,
};

function readingPolicies(): Iterable<EgressPolicy> {
  const policies = policiesInForce();
  return policies.size === 0 ? [DEFAULT_POLICY] : policies;
}

/** Keys that are own to any instance of this moment: a context may be read when the instance is closed. */
function ownKeys(): OwnKeys {
  const readers = [...readingPolicies()].map(({ reader }) => reader);
  return { owns: (key) => readers.some((reader) => reader.owns(key)) };
}
