import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { firstContactId, periodOf } from "../../../src/cookie-store/first-contact.ts";
import type { HttpExchange } from "../../../src/http/shapes.ts";

const SECRET = "a secret of the tests, long enough";
/** The beginning of a period of 10 s. */
const BEGIN = 1_800_000_000_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

function from(headers: Readonly<Record<string, string>>, peer = "10.0.0.1"): HttpExchange {
  return { request: {}, peer, header: (name) => headers[name] };
}

function idAt(time: number, exchange: HttpExchange, secret = SECRET): string {
  vi.setSystemTime(time);
  return firstContactId(exchange, periodOf(exchange), secret);
}

test("CKV-20 an id is 128 bits in base64url, the same for each process with the secret", () => {
  const visitor = from({ "user-agent": "x" });
  expect(idAt(BEGIN + 5000, visitor)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(firstContactId(visitor, BEGIN / 10_000, SECRET)).toBe(idAt(BEGIN + 7999, visitor));
  expect(idAt(BEGIN + 5000, visitor, `${SECRET}.`)).not.toBe(idAt(BEGIN + 5000, visitor));
});

test("CKV-21 two contacts at both sides of a period's end are one visitor, in the order in which they arrive", () => {
  for (let i = 0; i < 400; i++) {
    const end = BEGIN + 10_000 * (i + 2);
    const [first, second] = [end - 1 - ((i * 37) % 990), end + ((i * 53) % 990)];
    const visitor = from({ "user-agent": `one ${i}` });
    const early = idAt(first, visitor);
    expect(idAt(second, visitor)).toBe(early);
    // Another visitor of the same address and browser, some seconds later, is nobody's neighbour.
    const [third, fourth] = [end + 9000 + (i % 50), end + 9001 + (i % 50)];
    expect(idAt(third, visitor)).toBe(idAt(fourth, visitor));
    expect(idAt(end + 2000, visitor)).not.toBe(early);
  }
});

test("CKV-22 contacts of another address or browser are other visitors, and no header leads to another's id", () => {
  const contacts = [
    from({ "user-agent": "x" }),
    from({ "user-agent": "x" }, "10.0.0.2"),
    from({ "user-agent": "y" }),
    from({ "user-agent": "x", "x-forwarded-for": "10.0.0.1" }),
    from({ "user-agent": "x", "x-forwarded-for": "10.0.0.1, 6.6.6.6" }),
    from({ "user-agent": "x", "cf-connecting-ip": "10.0.0.1" }),
    from({ "user-agent": "x", forwarded: "for=10.0.0.1" }),
    from({ "user-agent": "x", "x-real-ip": "10.0.0.1" }),
    from({ "user-agent": "x", "x-real-ip": "10.0.0.1\nx" }),
  ];
  const ids = contacts.map((contact) => idAt(BEGIN + 5000, contact));
  expect(new Set(ids).size).toBe(contacts.length);
});

test("CKV-23 what differs between two calls of one browser makes no other visitor", () => {
  const same = [
    from({ "user-agent": "x", "x-forwarded-for": "1.2.3.4" }, "10.0.0.1"),
    from({ "user-agent": "x", "x-forwarded-for": "1.2.3.4" }, "10.0.0.2"),
    from({ "user-agent": "x", "x-forwarded-for": "1.2.3.4", accept: "image/*", "accept-language": "nl" }),
    from({ "user-agent": "x", "x-forwarded-for": "1.2.3.4", "sec-fetch-mode": "navigate", referer: "/a" }),
  ];
  expect(new Set(same.map((contact) => idAt(BEGIN + 5000, contact))).size).toBe(1);
});

test("CKV-24 a flood of contacts is kept up to a bound, and changes nobody's id within a period", () => {
  const slot: unknown = Reflect.get(globalThis, Symbol.for("otel-experiments.first-contacts.v1"));
  const end = BEGIN + 10_000_000;
  const victim = from({ "user-agent": "victim" });
  const early = idAt(end - 1500, victim);
  for (let i = 0; i < 20_000; i++) idAt(end - 1000, from({ "user-agent": `flood ${i}`.repeat(5) }));
  expect(slot).toMatchObject({ contacts: { size: 4096 } });
  expect(idAt(end - 500, victim)).toBe(early);
  expect(idAt(end + 500, victim)).toBe(early);
});
