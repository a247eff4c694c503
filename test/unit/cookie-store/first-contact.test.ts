import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FirstContact, firstContact, noteAnswer } from "../../../src/cookie-store/first-contact.ts";
import type { HttpExchange } from "../../../src/http/shapes.ts";

const SECRET = "a secret of the tests, long enough";
/** The beginning of a period of 2 s. */
const BEGIN = 1_800_000_000_000;
const STATE = Symbol.for("otel-experiments.first-contacts.v2");

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "performance"], now: BEGIN }));
afterEach(() => {
  vi.useRealTimers();
  groups().clear();
});

function groups(): Map<string, object> {
  // why: the state is made when a test has a first contact, and has this form
  return (Reflect.get(globalThis, STATE) as { readonly groups: Map<string, object> }).groups;
}

type Headers = Readonly<Record<string, string>>;

interface Sender {
  readonly peer?: string | undefined;
  /** One of HTTP/1.1. Default: a new one. */
  readonly socket?: object;
  readonly version?: number;
}

/** A request of the user-agent `x` from 192.0.2.1. */
function from(headers: Headers = {}, sender: Sender = {}): HttpExchange {
  const { peer, socket = {}, version = 1 } = { peer: "192.0.2.1", ...sender };
  const all: Headers = { "user-agent": "x", ...headers };
  return { request: { socket, httpVersionMajor: version }, peer, header: (name) => all[name] };
}

const contact = (exchange: HttpExchange = from(), secret = SECRET): FirstContact => firstContact(exchange, secret);
const idOf = (exchange?: HttpExchange, secret?: string): string => contact(exchange, secret).group.id;

/** A contact whose answer sets the cookie at once. */
function answered(exchange?: HttpExchange): string {
  const made = contact(exchange);
  noteAnswer(made);
  return made.group.id;
}

const PROXY: Headers = { "x-forwarded-for": "198.51.100.1" };

test("FCT-20 an id is 16 bytes in base64url, the same for each look at the request, and no process can foresee it", () => {
  const request = from();
  expect(idOf(request)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(idOf(request)).toBe(idOf(request));
  const before = idOf(request);
  groups().clear();
  expect(idOf(from())).not.toBe(before);
});

test("FCT-21 calls are one visitor until a quarter of a second after the first answer, at most for five seconds", () => {
  const first = contact();
  vi.advanceTimersByTime(3000);
  expect(idOf()).toBe(first.group.id);
  noteAnswer(first);
  vi.advanceTimersByTime(250);
  expect(idOf()).toBe(first.group.id);
  noteAnswer(first);
  vi.advanceTimersByTime(1);
  const second = idOf();
  expect(second).not.toBe(first.group.id);
  vi.advanceTimersByTime(5000);
  expect(idOf()).toBe(second);
  vi.advanceTimersByTime(1);
  expect(idOf()).not.toBe(second);
});

test("FCT-22 a program's call on a connection that has an answer begins another visitor, whose calls the other connections join", () => {
  const [one, other] = [{ socket: {} }, { socket: {} }];
  const ids = [];
  for (let i = 0; i < 100; i++) {
    const [early, late] = i % 3 === 0 ? [one, other] : [other, one];
    const id = answered(from({}, early));
    expect(answered(from({}, late))).toBe(id);
    ids.push(id);
  }
  expect(new Set(ids).size).toBe(100);
});

test("FCT-23 a connection says nothing if its answer had no cookie, if a browser says that it sends, over HTTP/2, or behind a proxy", () => {
  const socket = {};
  const withoutCookie = [idOf(from({}, { socket })), idOf(from({}, { socket })), idOf(from({}, { socket }))];
  expect(new Set(withoutCookie).size).toBe(1);
  groups().clear();
  const table: readonly (readonly [Headers, Sender])[] = [
    [{ "sec-fetch-site": "same-origin" }, {}],
    [{}, { version: 2 }],
    [PROXY, {}],
  ];
  for (const [headers, sender] of table) {
    const same = { ...sender, socket: {} };
    const ids = Array.from({ length: 16 }, () => answered(from(headers, same)));
    expect(new Set(ids).size).toBe(1);
    expect(answered(from(headers, same))).not.toBe(ids[0]);
    groups().clear();
  }
});

test("FCT-24 at most 6 answered connections are one visitor, or 16 of which one waits for its answer", () => {
  const fresh = Array.from({ length: 7 }, () => answered());
  expect(fresh.map((id) => id === fresh[0])).toEqual([true, true, true, true, true, true, false]);
  groups().clear();
  const first = idOf();
  const busy = Array.from({ length: 16 }, () => answered());
  expect(busy.map((id) => id === first)).toEqual([...Array.from({ length: 15 }, () => true), false]);
});

test("FCT-25 a page, and a call without an address, are a visitor each", () => {
  const table: readonly (readonly [Headers, Sender])[] = [
    [{ "sec-fetch-dest": "document" }, {}],
    [{ "sec-fetch-dest": "document", ...PROXY }, {}],
    [{}, { peer: undefined }],
  ];
  for (const [headers, sender] of table) {
    expect(new Set(Array.from({ length: 9 }, () => idOf(from(headers, sender)))).size).toBe(9);
    expect(groups().size).toBe(0);
  }
});

test("FCT-26 calls of another address or user-agent are other visitors, and no header leads to another's id", () => {
  const contacts = [
    from(),
    from({}, { peer: "192.0.2.2" }),
    from({ "user-agent": "y" }),
    from({ "x-forwarded-for": "192.0.2.1" }),
    from({ "x-forwarded-for": "192.0.2.1, 203.0.113.6" }),
    from({ "cf-connecting-ip": "192.0.2.1" }),
    from({ forwarded: "for=192.0.2.1" }),
    from({ "x-real-ip": "192.0.2.1" }),
    from({ "x-real-ip": "192.0.2.1\nx" }),
  ];
  expect(new Set(contacts.map((each) => idOf(each))).size).toBe(contacts.length);
});

test("FCT-27 what differs between two calls of one browser makes no other visitor", () => {
  const same = [
    from(PROXY),
    from(PROXY, { peer: "192.0.2.2" }),
    from({ ...PROXY, accept: "image/*", "accept-language": "nl" }),
    from({ ...PROXY, "sec-fetch-mode": "cors", referer: "/a" }),
    from({ ...PROXY, "cf-connecting-ip": "" }),
  ];
  expect(new Set(same.map((each) => idOf(each))).size).toBe(1);
});

test("FCT-28 behind a proxy each process with the secret gives the first visitor of a period the same id, and later ones their own", () => {
  const ids = [];
  for (let process = 0; process < 3; process++) {
    groups().clear();
    ids.push(Array.from({ length: 40 }, () => answered(from(PROXY))));
  }
  const [one = [], other = [], third = []] = ids;
  expect(other.slice(0, 16)).toEqual(one.slice(0, 16));
  expect(new Set([...one, ...other, ...third]).size).toBe(1 + 3 * 2);
  groups().clear();
  expect(idOf(from(PROXY), `${SECRET}.`)).not.toBe(one[0]);
  groups().clear();
  vi.advanceTimersByTime(2000);
  expect(idOf(from(PROXY))).not.toBe(one[0]);
});

test("FCT-29 a flood of strangers is kept up to a bound, the latest of them", () => {
  idOf(from({ "user-agent": "early" }));
  for (let i = 0; i < 5000; i++) idOf(from({ "user-agent": `flood ${i}`.repeat(500), "x-real-ip": `${i}` }));
  expect(groups().size).toBe(4096);
  for (const key of groups().keys()) expect(key.length).toBe(43);
  idOf();
  vi.advanceTimersByTime(5001);
  for (let i = 0; i < 2000; i++) idOf(from({ "x-real-ip": `${i}` }));
  const victim = idOf();
  for (let i = 2000; i < 6095; i++) idOf(from({ "x-real-ip": `${i}` }));
  expect(idOf()).toBe(victim);
});
