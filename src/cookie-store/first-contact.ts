import { fnv1a } from "../assignment/bucketing.ts";
import { keyedHash } from "../checks/signature.ts";
import type { HttpExchange } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";

/** The time in which first contacts of one address and browser count as one visitor. */
const PERIOD_MS = 10_000;
/** Two calls at once may arrive on both sides of a period's end, this far from it. */
const EDGE_MS = 2_000;
/** Beyond this, a contact around the end of a period is not noted. It then only lacks the bridge to the next period. */
const MAX_NOTED = 4096;
/** Hashed with the contact, so that the id is valid for no other purpose. */
const PURPOSE = "otel-experiments first contact v1";
/**
 * The headers in which proxies write a client's address, the more stable first: a content delivery network's own header
 * is the same for two calls that arrive through two of its machines.
 */
const ADDRESS_HEADERS = ["cf-connecting-ip", "true-client-ip", "x-forwarded-for", "forwarded", "x-real-ip"];

/** The latest contacts around the end of a period, by hash, so that no request decides how much is kept. */
const aroundTheEnd = processWide("first-contacts.v1", () => ({
  ending: 0,
  contacts: new Map<number, { readonly period: number; readonly at: number }>(),
}));

/**
 * The period of a request that has no cookie, by the time of its arrival. The end of a period is bridged: a contact
 * that follows shortly after another one of the same address and browser is in the same period. That holds within a
 * process; two processes know only their clocks.
 */
export function periodOf(exchange: HttpExchange): number {
  const now = Date.now();
  const period = Math.floor(now / PERIOD_MS);
  const since = now - period * PERIOD_MS;
  if (since >= EDGE_MS && since < PERIOD_MS - EDGE_MS) return period;
  const noted = aroundTheEnd();
  const ending = since < EDGE_MS ? period - 1 : period;
  if (noted.ending !== ending) {
    noted.ending = ending;
    noted.contacts.clear();
  }
  const contact = fnv1a(contactOf(exchange));
  const before = noted.contacts.get(contact);
  const found = before !== undefined && now - before.at < EDGE_MS ? before.period : period;
  if (before !== undefined || noted.contacts.size < MAX_NOTED) noted.contacts.set(contact, { period: found, at: now });
  return found;
}

/**
 * The id of a visitor who has no cookie yet, 128 bits in base64url. Calls that a browser makes at once share nothing but
 * address, browser and time, so these make the id: each process with the secret finds the same one. It cannot be
 * computed without the secret.
 */
export function firstContactId(exchange: HttpExchange, period: number, secret: string): string {
  return keyedHash(PURPOSE, `${period}\n${contactOf(exchange)}`, secret).toString("base64url", 0, 16);
}

/**
 * The address and the browser. Not `accept` and its like, which code in a page can set for some of its calls only; nor
 * the peer behind a proxy, since two calls may arrive through two proxies.
 */
function contactOf({ header, peer }: HttpExchange): string {
  const agent = textOf(header("user-agent"));
  for (const name of ADDRESS_HEADERS) {
    const address = textOf(header(name));
    if (address !== "") return `${name}\n${address}\n${agent}`;
  }
  return `peer\n${peer ?? ""}\n${agent}`;
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === "object" ? value.join(",") : (value ?? "");
}
