import { hash, randomUUID } from "node:crypto";
import { setBounded } from "../checks/bounded-map.ts";
import { keyedHash } from "../checks/signature.ts";
import { linesOf } from "../http/header-parts.ts";
import type { HttpExchange } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";

/** A call that a browser sends before it has the cookie of an earlier answer arrives this long after that answer. */
const LATE_MS = 250;
/** No group takes a call after this, also if none of its answers has set the cookie. */
const MAX_AGE_MS = 5000;
/** Browsers open 6 connections of HTTP/1.1 to a host. */
const CONNECTIONS = 6;
/** The calls of a group that is still being answered, or whose connections say nothing. */
const MAX_CALLS = 16;
/** Processes give one id to the calls of one address and browser within this time. */
const PERIOD_MS = 2000;
/** The oldest group goes first. Its later calls are then another visitor. */
const MAX_GROUPS = 4096;
/** Hashed with the contact, so that the id is valid for no other purpose. */
const PURPOSE = "otel-experiments first contact v2";
/**
 * The headers in which proxies write a client's address, the more stable first: a content delivery network's own header
 * is the same for two calls that arrive through two of its machines.
 */
const ADDRESS_HEADERS = ["cf-connecting-ip", "true-client-ip", "x-forwarded-for", "forwarded", "x-real-ip"];

/** Calls that count as one visitor. */
interface Group {
  /** 16 bytes in base64url. */
  readonly id: string;
  /** When its first call arrived, as `performance.now()`. */
  readonly begin: number;
  readonly period: number;
  /** The number of calls. Of those on one connection up to the answer that sets the cookie, one counts. */
  calls: number;
  connections: number;
  /** The number of answers that set the cookie. */
  answers: number;
  /** When the first of them was sent. */
  answered: number;
}

/** A request without a visitor's cookie. */
export interface FirstContact {
  readonly group: Group;
  /** Whether the answer set the cookie. */
  isAnswered: boolean;
}

const state = processWide("first-contacts.v2", () => ({
  /** The latest group of each address and browser, by hash. The oldest comes first. */
  groups: new Map<string, Group>(),
  ofRequest: new WeakMap<object, FirstContact>(),
  latestOfConnection: new WeakMap<object, FirstContact>(),
}));

/**
 * Groups a request that has no cookie with the calls that the same browser made at once: those of one address and
 * `user-agent`, until the browser has an answer. Not by `accept` and its like, which code in a page can set for some of
 * its calls only; nor by the peer behind a proxy, since two calls may arrive through two proxies. A second call for the
 * request gives the same contact.
 */
export function firstContact(exchange: HttpExchange, secret: string): FirstContact {
  const { ofRequest, latestOfConnection } = state();
  const known = ofRequest.get(exchange.request);
  if (known !== undefined) return known;
  const forwarded = forwardedAddress(exchange);
  const connection = forwarded === undefined ? connectionOf(exchange.request) : undefined;
  const contact = { group: groupOf(exchange, forwarded, connection, secret), isAnswered: false };
  ofRequest.set(exchange.request, contact);
  if (connection !== undefined) latestOfConnection.set(connection, contact);
  return contact;
}

/** Notes that the answer to a request set the cookie. Idempotent. */
export function noteAnswer(contact: FirstContact): void {
  if (contact.isAnswered) return;
  contact.isAnswered = true;
  if (contact.group.answers++ === 0) contact.group.answered = performance.now();
}

/** Whether a request is for a page, as its browser says. */
export function isPage({ header }: HttpExchange): boolean {
  return header("sec-fetch-dest") === "document";
}

function groupOf(
  exchange: HttpExchange,
  forwarded: string | undefined,
  connection: object | undefined,
  secret: string,
): Group {
  const { peer } = exchange;
  const address = forwarded ?? (peer === undefined ? undefined : `peer\n${peer}`);
  // A browser makes no call beside the request for a page. Without an address, nothing tells whose call it is.
  if (address === undefined || isPage(exchange)) return newGroup(randomId());
  const { groups, latestOfConnection } = state();
  // Hashed, so that no request decides how much is kept.
  const key = hash("sha256", `${address}\n${linesOf(exchange.header("user-agent")).join(",")}`, "base64url");
  const latest = groups.get(key);
  const before = connection === undefined ? undefined : latestOfConnection.get(connection);
  if (latest !== undefined && takes(latest, exchange, connection, before)) {
    const isSameConnection = before?.group === latest;
    if (!isSameConnection) latest.connections++;
    if (!isSameConnection || before.isAnswered) latest.calls++;
    return latest;
  }
  const period = Math.floor(Date.now() / PERIOD_MS);
  // Once per period: visitors who share an address and a browser differ from then on.
  const isDerived = forwarded !== undefined && latest?.period !== period;
  const group = newGroup(isDerived ? derivedId(key, period, secret) : randomId(), period);
  setBounded(groups, key, group, MAX_GROUPS);
  return group;
}

/**
 * Whether the next call can be of the same browser.
 *
 * @param before the latest contact on the connection of the call
 */
function takes(
  group: Group,
  { header }: HttpExchange,
  connection: object | undefined,
  before: FirstContact | undefined,
): boolean {
  const now = performance.now();
  if (now - group.begin > MAX_AGE_MS || now - group.answered > LATE_MS) return false;
  const isSameConnection = before?.group === group;
  if (isSameConnection && !before.isAnswered) return true;
  if (group.calls >= MAX_CALLS) return false;
  // A program that sends on this connection again has the answer, so without the cookie it acts for another visitor.
  // A browser has one visitor, and adds no cookie to a call that waited for the connection.
  if (isSameConnection) return header("sec-fetch-site") !== undefined;
  return connection === undefined || group.answers < group.calls || group.connections < CONNECTIONS;
}

function newGroup(id: string, period = 0): Group {
  return {
    id,
    begin: performance.now(),
    period,
    calls: 1,
    connections: 1,
    answers: 0,
    answered: Number.POSITIVE_INFINITY,
  };
}

/** 122 random bits. Node makes the bits of many UUIDs at once, so one costs less than 16 random bytes. */
function randomId(): string {
  return Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
}

/** The same in each process with the secret. It cannot be computed without the secret. */
function derivedId(key: string, period: number, secret: string): string {
  return keyedHash(PURPOSE, `${period}\n${key}`, secret).toString("base64url", 0, 16);
}

/** The client's address as a proxy writes it; undefined without a proxy, or if it writes none. */
function forwardedAddress({ header }: HttpExchange): string | undefined {
  for (const name of ADDRESS_HEADERS) {
    const address = linesOf(header(name)).join(",");
    if (address !== "") return `${name}\n${address}`;
  }
  return undefined;
}

/** The socket of HTTP/1, which has one call at a time. One of HTTP/2 has many. */
function connectionOf(request: object): object | undefined {
  if (Reflect.get(request, "httpVersionMajor") !== 1) return undefined;
  const socket: unknown = Reflect.get(request, "socket");
  return typeof socket === "object" && socket !== null ? socket : undefined;
}
