import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { looksSensitive } from "../../../src/fields/sensitive-values.ts";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk";

test.each([
  ["a JSON Web Token", JWT],
  ["an unsigned one", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."],
  ["one within a text", `token=${JWT};`],
  ["a bearer token", "Bearer abc123"],
  ["one in small letters", "bearer  abc123"],
  ["a private key", "-----BEGIN RSA PRIVATE KEY-----"],
  ["a private key's name alone", "OPENSSH PRIVATE KEY"],
  ["an e-mail address", "ada@example.org"],
  ["one with a sub-domain", "mail to ada.l+shop@mail.example.co.uk!"],
  ["one that is percent-encoded", "ada%40example.org"],
  ["a Visa number", "4111111111111111"],
  ["one in groups", "4111 1111 1111 1111"],
  ["one with hyphens, behind something", "card 4111-1111-1111-1111"],
  ["one with other groups behind it", "4111-1111-1111-1111-2026"],
  ["a MasterCard number", "5555555555554444"],
  ["an American Express number", "378282246310005"],
  ["a Visa number of 13 digits", "4222222222222"],
  ["a number of 19 digits", "6304000000000000000"],
  ["an access key of AWS", "AKIAIOSFODNN7EXAMPLE"],
  ["a token of GitHub", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
  ["a key of Stripe", "sk_live_abc"],
  ["a social security number", "078-05-1120"],
])("FLS-01 %s is not passed on", (_what, given) => {
  expect(looksSensitive(given)).toBe(true);
});

test.each([
  "free",
  "eu-west-1",
  "asiapacificregionwest",
  "1763633107123",
  "2026-11-20 10:05:07.123",
  "4111111111111112",
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

  test("FLS-03 a card's number with its check digit, in groups or not, is seen", () => {
    const digits = fc.array(fc.nat({ max: 9 }), { minLength: 11, maxLength: 17 });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }),
        digits,
        fc.constantFrom("", " ", "-"),
        around,
        (first, rest, gap, near) => {
          const body = [first, ...rest];
          const number = [...body, checkDigit(body)].join("");
          const grouped = number.replaceAll(/(\d{4})(?=\d)/g, `$1${gap}`);
          expect(looksSensitive(`${near}${grouped}${near}`)).toBe(true);
        },
      ),
    );
  });

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

/** By the rule as ISO/IEC 7812-1 tells it: every second digit from the right, before the check digit, counts twice. */
function checkDigit(digits: readonly number[]): number {
  const sum = digits.toReversed().reduce((total, digit, i) => {
    const weighted = i % 2 === 0 ? digit * 2 : digit;
    return total + Math.floor(weighted / 10) + (weighted % 10);
  }, 0);
  return (10 - (sum % 10)) % 10;
}
