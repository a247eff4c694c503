import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { looksSensitive } from "../../../src/fields/sensitive-values.ts";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk";

test.each([
  ["a JSON Web Token", JWT],
  ["an unsigned one", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."],
  ["one within a text", `token=${JWT};`],
  ["one in a list", ["free", JWT]],
  ["a bearer token", "Bearer abc123"],
  ["one in small letters", "bearer  abc123"],
  ["a private key", "-----BEGIN RSA PRIVATE KEY-----"],
  ["a private key's name alone", "OPENSSH PRIVATE KEY"],
  ["an e-mail address", "ada@example.org"],
  ["one with a sub-domain", "mail to ada.l+shop@mail.example.co.uk!"],
  ["one that is percent-encoded", "ada%40example.org"],
  ["one with more dots than one in a row", "ada@example..org"],
  ["an access key of AWS", "AKIAIOSFODNN7EXAMPLE"],
  ["a token of GitHub", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
  ["a fine-grained token of GitHub", "github_pat_"],
  ["a token of GitLab", "glpat-0123456789abcdef"],
  ["a key of Stripe", "sk_live_abc"],
  ["a token of Slack", "xoxb-0"],
  ["a key of Google", `AIza${"0".repeat(30)}`],
  ["a token of npm", `npm_${"0".repeat(30)}`],
])("FLS-01 %s is not passed on", (_what, given) => {
  expect(looksSensitive(given)).toBe(true);
});

test.each([
  "free",
  "eu-west-1",
  "asiapacificregionwest",
  "1763633107123",
  "2026-11-20 10:05:07.123",
  "4111111111111111",
  "4111 1111 1111 1111",
  "078-05-1120",
  "550e8400-e29b-41d4-a716-446655440000",
  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "user@host",
  "@example.org",
  "a @b.c",
  "eyJhbGciOiJIUzI1NiJ9",
  "eyJ.a",
  "the ring bearer",
  "100% of 3.14",
  "%zz",
  "1.2.3",
  "",
])("FLS-02 %j is", (given) => {
  expect(looksSensitive(given)).toBe(false);
});

describe("whatever stands around it", () => {
  const around = fc.string({ unit: fc.constantFrom(" ", ";", "x", "é", "(", ":"), maxLength: 8 });

  test("FLS-04 an e-mail address is seen", () => {
    fc.assert(
      fc.property(fc.emailAddress(), around, (address, near) => {
        expect(looksSensitive(`${near} ${address} ${near}`)).toBe(true);
      }),
    );
  });

  test("FLS-05 nothing throws, and a long text costs in time with its length", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (given) => typeof looksSensitive(given) === "boolean"));
    const units = [
      "eyJ",
      "eyJ.",
      "eyJa.",
      "@",
      "a@",
      "a@.",
      "a@b",
      "4",
      "4 ",
      "4-",
      "bearer",
      "bearer ",
      "bearer:",
      "sk_",
      "%40",
    ];
    for (const unit of units) {
      const given = unit.repeat(200_000 / unit.length);
      const started = performance.now();
      looksSensitive(given);
      // What looks at each character again for each would take minutes.
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});

test("FLS-03 of 1,000 order numbers of sixteen digits each is passed on, as a text, in groups and in a list", () => {
  const digits = fc.array(fc.nat({ max: 9 }), { minLength: 16, maxLength: 16 });
  const numbers = fc.sample(digits, { seed: 1, numRuns: 1000 }).map((number) => number.join(""));
  expect(new Set(numbers).size).toBe(1000);
  const grouped = numbers.map((number) => number.replaceAll(/(\d{4})(?=\d)/g, "$1-"));
  expect([...numbers, ...grouped].filter((number) => looksSensitive(number))).toEqual([]);
  expect(looksSensitive(numbers)).toBe(false);
});
