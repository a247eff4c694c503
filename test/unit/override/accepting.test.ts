import { ExperimentConfigError } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { acceptOverrides, signOverride } from "otel-experiments/override";
import { describe, expect, test } from "vitest";

const SECRET = "correct horse battery staple";
const usual = { secret: SECRET, audience: "staging" };

/** What set-up says. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ExperimentConfigError) return error.message;
    throw error;
  }
  return "";
}

test("OVA-01 whatever is signed can be read: what would be too long is refused when it is signed", () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${"k".repeat(29)}_${i}`, "v".repeat(64)]));
  for (const count of [1, 8, 16, 24, 28, 30, 32]) {
    let token = "";
    const why = refusal(() => (token = signOverride(many(count), usual)));
    const read = acceptOverrides({ secrets: SECRET, audience: "staging" }).read({ header: () => token, url: "/" });
    expect(read instanceof Map || why.includes("force fewer")).toBe(true);
  }
});

describe("set-up says what is wrong with", () => {
  // why: what JavaScript may give
  const wrong = (value: unknown) => value as never;
  test.each([
    ["no options", () => acceptOverrides(wrong(undefined)), "secrets"],
    ["no secrets", () => acceptOverrides(wrong({ audience: "staging" })), "secret"],
    ["secrets that are none", () => acceptOverrides(wrong({ secrets: 7, audience: "staging" })), "secret"],
    [
      "a misspelt option",
      () => acceptOverrides(wrong({ secrets: SECRET, audience: "staging", maxLifeTime: "1h" })),
      "maxLifeTime",
    ],
    [
      "a misspelt place",
      () => acceptOverrides(wrong({ secrets: SECRET, audience: "staging", from: { cookies: "qa" } })),
      "cookies",
    ],
    [
      "a header that is no text",
      () => acceptOverrides(wrong({ secrets: SECRET, audience: "staging", from: { header: 7 } })),
      "from.header",
    ],
    ["what is signed", () => signOverride(wrong(undefined), usual), "{ checkout:"],
    ["how it is signed", () => signOverride({ checkout: "express" }, wrong(undefined)), "secret"],
    ["a misspelt lifetime", () => signOverride({ checkout: "express" }, wrong({ ...usual, expires: "1h" })), "expires"],
    ["a store without options", () => cookieStore(wrong(undefined)), "secret"],
    ["a store without secrets", () => cookieStore(wrong({})), "secret"],
    ["a store's misspelt option", () => cookieStore(wrong({ secrets: SECRET, httponly: false })), "httponly"],
    ["a store's path", () => cookieStore(wrong({ secrets: SECRET, path: 7 })), "path"],
    ["a store's path that is no header's", () => cookieStore({ secrets: SECRET, path: "/é\u{1F600}" }), "path"],
    ["a store's domain", () => cookieStore(wrong({ secrets: SECRET, domain: 7 })), "domain"],
  ] as const)("OVA-02 %s, and shows no secret", (_, act, mend) => {
    expect(refusal(act)).toContain(mend);
    expect(refusal(act)).not.toContain(SECRET);
  });
});

test("OVA-03 a place that is empty is no token, and the next one is looked at", () => {
  const token = signOverride({ checkout: "express" }, usual);
  const from = { header: "X-Force", query: "qa", cookie: "qa" };
  const source = acceptOverrides({ secrets: SECRET, audience: "staging", from });
  const read = (url: string, cookie: string) =>
    source.read({ header: (name) => (name === "cookie" ? cookie : name === "x-force" ? "" : undefined), url });
  expect(read(`/?qa=${token}`, "")).toEqual(new Map([["checkout", "express"]]));
  expect(read("/?qa=", `qa=${token}`)).toEqual(new Map([["checkout", "express"]]));
  expect(read("/?qa=", "qa=")).toBeUndefined();
});
