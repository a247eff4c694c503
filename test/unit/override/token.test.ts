import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type OverrideClaims, signToken, type TokenDemands, verifyToken } from "../../../src/override/token.ts";

const SECRET = "correct horse battery staple";
const NOW = 1_800_000_000;
const claims: OverrideClaims = {
  variants: new Map([["checkout", "express"]]),
  audience: "staging",
  issuedAt: NOW,
  expiresAt: NOW + 7200,
};
const demands: TokenDemands = { secrets: [SECRET], audience: "staging", maxLifetime: 86_400, now: NOW + 10 };
const token = signToken(claims, SECRET);

test("OVT-01 a token that was signed counts, with everything that was said", () => {
  expect(verifyToken(token, demands)).toEqual(claims);
});

describe("a token does not count", () => {
  const refused: readonly (readonly [string, string, TokenDemands, string])[] = [
    ["with another audience", token, { ...demands, audience: "production" }, "audience"],
    ["from the second of its expiry", token, { ...demands, now: NOW + 7200 }, "expired"],
    ["with a longer life than is allowed", token, { ...demands, maxLifetime: 7199 }, "lifetime"],
    ["from the future", token, { ...demands, now: NOW - 61 }, "lifetime"],
    ["signed by a secret that is gone", token, { ...demands, secrets: ["another secret"] }, "tampered"],
    ["without any secret", token, { ...demands, secrets: [] }, "tampered"],
    ["without a signature", token.slice(0, token.lastIndexOf(".")), demands, "malformed"],
    ["of another version", token.replace("v1", "v2"), demands, "malformed"],
    ["that is too long", `v1.${"A".repeat(4096)}.${token.slice(-43)}`, demands, "malformed"],
    ["with something behind it", `${token} `, demands, "malformed"],
    ["that is empty", "", demands, "malformed"],
  ];
  test.each(refused)("OVT-02 %s", (_, text, asked, reason) => {
    expect(verifyToken(text, asked)).toBe(reason);
  });

  test("OVT-03 with a key or a variant that could not stand on the wire, though it is signed", () => {
    for (const pair of [
      ["Checkout", "express"],
      ["checkout", "a b"],
      ["id", "express"],
    ] as const) {
      expect(verifyToken(signToken({ ...claims, variants: new Map([pair]) }, SECRET), demands)).toBe("malformed");
    }
  });

  test("OVT-04 with any of its letters changed, a different one in its place", () => {
    for (let i = 0; i < token.length; i++) {
      for (const letter of ["A", "b", "9", "-", "_", "="]) {
        if (token[i] === letter) continue;
        const changed = token.slice(0, i) + letter + token.slice(i + 1);
        expect(typeof verifyToken(changed, demands)).toBe("string");
      }
    }
  });
});

test("OVT-05 any of several secrets may have signed, so that a new one can be put in front", () => {
  expect(verifyToken(token, { ...demands, secrets: ["the new one", SECRET] })).toEqual(claims);
  expect(verifyToken(signToken(claims, "the new one"), { ...demands, secrets: ["the new one", SECRET] })).toEqual(
    claims,
  );
});

test("OVT-06 nothing that was not signed is ever accepted", () => {
  const base64url = fc.string({ unit: fc.constantFrom("A", "B", "C", "a", "b", "c", "0", "1", "9", "-", "_") });
  const forged = fc.oneof(
    fc.string(),
    fc.tuple(base64url, base64url).map(([a, b]) => `v1.${a}.${b}`),
    fc
      .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.string({ minLength: 1 }))
      .map(([json, key]) => `v1.${Buffer.from(JSON.stringify(json)).toString("base64url")}.${token.slice(-43)}${key}`),
    fc.string({ minLength: 1 }).map((secret) => signToken(claims, `${SECRET}${secret}`)),
    fc.record({ aud: fc.constant("staging"), exp: fc.integer() }).map((json) => {
      const body = Buffer.from(JSON.stringify({ ...json, iat: NOW, variants: [["checkout", "express"]] }));
      return `v1.${body.toString("base64url")}.${token.slice(-43)}`;
    }),
  );
  fc.assert(
    fc.property(forged, (text) => {
      expect(typeof verifyToken(text, demands)).toBe("string");
    }),
    { numRuns: 2000 },
  );
});

test("OVT-07 what is signed is what is read, whatever is said", () => {
  const key = fc
    .stringMatching(/^[a-z][a-z0-9_]{2,31}$/)
    .filter((text) => !["variant", "forced", "conversion", "subject", "primary"].includes(text));
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(key, name), { maxLength: 8 }), fc.string({ maxLength: 64 }), (pairs, audience) => {
      const said = { ...claims, variants: new Map(pairs), audience };
      expect(verifyToken(signToken(said, SECRET), { ...demands, audience })).toEqual(said);
    }),
  );
});
