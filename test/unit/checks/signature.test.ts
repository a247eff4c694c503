import { expect, test } from "vitest";
import { pseudonymOf } from "../../../src/assignment/subject.ts";
import { isSigned, sign } from "../../../src/checks/signature.ts";
import { cookieStore } from "../../../src/cookie-store/index.ts";
import type { HttpExchange } from "../../../src/http/shapes.ts";
import { signToken, verifyToken } from "../../../src/override/token.ts";

// Tokens, cookies and pseudonyms outlive a release. The expected texts are OpenSSL's:
// printf 'PURPOSE\nTEXT' | openssl dgst -sha256 -hmac "$SECRET"

const SECRET = "correct horse battery staple";

const CLAIMS = {
  variants: new Map([["checkout", "express"]]),
  audience: "staging",
  issuedAt: 1_800_000_000,
  expiresAt: 1_800_007_200,
};

/** Over `otel-experiments override v1`. */
const TOKEN =
  "v1.eyJhdWQiOiJzdGFnaW5nIiwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDcyMDAsInZhcmlhbnRzIjpbWyJjaGVja291dCIsImV4cHJlc3MiXV19" +
  ".8sEimzKY29TMPXiDKvPKYVXgRFaLqmCJnND37OVDD2U";

/** Over `otel-experiments visitor v1`, and over `otel-experiments variant v1` with `VISITOR~checkout_1~express`. */
const COOKIES = {
  experiments: "b6UmD-8M1AuH7ZIerknoRA!iQ3lygldCUwXLTPk2-RkNOlw7YgZkGnFwfagSW_C_As",
  "experiments.checkout_1": "express!KVpqFHYUdX3opdcyWS0pccgql14Cv7PuYQS_8cU_bnM",
};

test("SGN-01 a token is the same in each release, and one of an earlier release counts", () => {
  expect(signToken(CLAIMS, SECRET)).toBe(TOKEN);
  const demands = { secrets: [SECRET], audience: "staging", maxLifetime: 86_400, now: CLAIMS.issuedAt };
  expect(verifyToken(TOKEN, demands)).toEqual(CLAIMS);
});

test("SGN-02 cookies are the same in each release, and those of an earlier release count", () => {
  const store = cookieStore({ secrets: SECRET });
  const [header = "", ...pairs] = Object.entries(COOKIES).map((pair) => pair.join("="));
  const lines: string[] = [];
  const setCookie = (_: string, line: string): boolean => lines.push(line) > 0;
  store.set("", "express", keyOf({ ...exchangeWith(header), setCookie }));
  expect(lines.map((line) => line.split(";", 1)[0])).toEqual([header, ...pairs]);
  const exchange = exchangeWith([header, ...pairs].join("; "));
  expect(store.visitor?.(exchange)).toBe(COOKIES.experiments.slice(0, 22));
  expect(store.get("", keyOf(exchange))).toBe("express");
});

test("SGN-03 a pseudonym is the same in each release", () => {
  const pseudonym = "4c6926f4ac202734d51fed3a5fd288a248182582203251571d72308d8ce1d719";
  expect(pseudonymOf("checkout_1", "user-7", SECRET)).toBe(pseudonym);
});

test("SGN-04 what is signed for one purpose counts for no other, with the same secret", () => {
  const signature = sign("cookie v1", "checkout", SECRET);
  expect(isSigned("cookie v1", "checkout", signature, ["another secret", SECRET])).toBe(true);
  expect(isSigned("override v1", "checkout", signature, [SECRET])).toBe(false);
  expect(isSigned("cookie v1", "Checkout", signature, [SECRET])).toBe(false);
  expect(isSigned("cookie v1", "checkout", signature, [])).toBe(false);
});

test("SGN-05 a signature of another length or in another spelling counts as none, and nothing throws", () => {
  const signature = sign("cookie v1", "checkout", SECRET);
  // The two lowest bits of the last letter stand for no bit of the hash.
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const respelt = signature.slice(0, -1) + (letters[letters.indexOf(signature.slice(-1)) ^ 1] ?? "");
  expect(Buffer.from(respelt, "base64url")).toEqual(Buffer.from(signature, "base64url"));
  for (const wrong of ["", signature.slice(1), `${signature}A`, `${signature}=`, respelt]) {
    expect(isSigned("cookie v1", "checkout", wrong, [SECRET])).toBe(false);
  }
});

function keyOf(exchange: HttpExchange) {
  return { key: "checkout", id: "checkout_1", subject: "user-7", exchange };
}

function exchangeWith(cookie: string): HttpExchange {
  return { request: {}, header: (name) => (name === "cookie" ? cookie : undefined) };
}
