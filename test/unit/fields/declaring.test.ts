import { createExperiments, ExperimentConfigError, type ExperimentsOptions } from "otel-experiments";
import { boolean, defineFields, type Fields, integer, list, oneOf, text } from "otel-experiments/fields";
import { describe, expect, test } from "vitest";
import { planOf } from "../../../src/fields/field.ts";

function errorOf(act: () => unknown): ExperimentConfigError {
  try {
    act();
  } catch (error) {
    if (error instanceof ExperimentConfigError) return error;
    throw error;
  }
  throw new Error("this was accepted");
}

/** What a caller in JavaScript declares. */
function define(fields: unknown): unknown {
  return defineFields(fields as Fields); // why: callers in JavaScript give what the type forbids
}

const named = (name: string): unknown => define(Object.fromEntries([[name, boolean()]]));

// why: as above
const built = (build: unknown, ...options: unknown[]): unknown =>
  Reflect.apply(build as () => unknown, undefined, options);

describe("a name", () => {
  test.each([
    "a",
    "user_tier",
    "user-tier",
    "shop.user.tier",
    "x2",
    "session",
    "a".repeat(64),
    "experiments",
    "is_mobile",
  ])("FLD-01 may be %s", (name) => {
    expect(named(name)).toHaveProperty([name]);
  });

  test.each([
    "",
    "User",
    "2x",
    "_x",
    "a b",
    "a=b",
    "é",
    "a,b",
    "a%20",
    "tier.",
    ".tier",
    "a".repeat(65),
    "__proto__ ",
    "a\n",
  ])("FLD-02 is a token of lower-case letters, digits and few signs: not %j", (name) => {
    expect(errorOf(() => named(name))).toMatchObject({ code: "ERR_FIELD_NAME" });
  });

  test.each([
    "experiment",
    "experiment.checkout",
    "experiment.checkout.variant",
    "traceparent",
    "tracestate",
    "baggage",
    "http.route",
    "url.path",
    "server.port",
    "feature_flag.key",
    "otel.status_code",
    "service.name",
  ])("FLD-03 is none of experiments, of W3C or of OpenTelemetry: not %s", (name) => {
    expect(errorOf(() => named(name))).toMatchObject({ code: "ERR_FIELD_NAME" });
  });

  test("FLD-04 is not under another prefix of the service's experiments either", () => {
    const options = { prefix: "shop-ab.", fields: { "shop-ab.tier": boolean() } };
    expect(errorOf(() => createExperiments(options))).toMatchObject({ code: "ERR_FIELD_NAME" });
  });

  test.each([
    "password",
    "user_password",
    "passwd",
    "client_secret",
    "secret",
    "token",
    "access_token",
    "accesstoken",
    "tokens",
    "authorization",
    "cookie",
    "set-cookie",
    "session_id",
    "sessionid",
    "session.id",
    "user.email",
    "e-mail",
    "email_address",
    "phone",
    "phone_number",
    "ssn",
    "card",
    "card_number",
    "credit-card",
    "cards",
    "api_key",
    "apikey",
    "private_key",
    "jwt",
    "iban",
    "cvv",
    "date_of_birth",
    "first_name",
    "ip",
    "ip_address",
    "credentials",
  ])("FLD-05 that speaks of a secret or of personal data is refused: %s", (name) => {
    expect(errorOf(() => named(name))).toMatchObject({ code: "ERR_FIELD_SENSITIVE" });
    const create = (): unknown => createExperiments({ fields: Object.fromEntries([[name, boolean()]]) });
    // A namespace of OpenTelemetry's may be the first reason.
    expect(errorOf(create).code).toMatch(/^ERR_FIELD_(SENSITIVE|NAME)$/);
  });

  test("FLD-06 of a word that only contains one of these is accepted", () => {
    for (const name of ["cardinality", "shipping", "discard_rate", "phonetic", "zipped", "mailing_count", "keyboard"]) {
      expect(named(name)).toHaveProperty([name]);
    }
  });
});

describe("a declaration", () => {
  test.each([
    ["no object", undefined],
    ["a list", [boolean()]],
    ["a field alone", boolean()],
    ["a value that is no field", { tier: "free" }],
    ["a builder that is not called", { tier: boolean }],
    ["more than 64 fields", Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, boolean()]))],
  ])("FLD-10 that is %s is refused", (_what, fields) => {
    expect(errorOf(() => define(fields))).toMatchObject({ code: "ERR_FIELD" });
  });

  test.each<readonly [string, () => unknown]>([
    ["no text", () => built(oneOf)],
    ["a text twice", () => oneOf("a", "a")],
    ["an empty text", () => oneOf("")],
    ["a number as a text", () => built(oneOf, 1)],
    ["a control character", () => oneOf("a\n")],
    ["half of a character", () => oneOf("\ud800")],
    ["a long text", () => oneOf("a".repeat(65))],
    ["many texts", () => built(oneOf, ...Array.from({ length: 65 }, (_, i) => `v${i}`))],
    ["a fraction as a bound", () => integer({ max: 0.5 })],
    ["a bound that no double holds exactly", () => integer({ max: 2 ** 53 })],
    ["bounds the wrong way round", () => integer({ min: 2, max: 1 })],
    ["a text as a bound", () => built(integer, { min: "1" })],
    ["null as a bound", () => built(integer, { max: null })],
    ["no length", () => text({ maxLength: 0 })],
    ["too much length", () => text({ maxLength: 1025 })],
    ["null as a length", () => built(text, { maxLength: null })],
    ["a text as a pattern", () => built(text, { pattern: "a" })],
    ["no items", () => list({ maxItems: 0 })],
    ["too many items", () => list({ maxItems: 65 })],
  ])("FLD-11 with %s is refused", (_what, declare) => {
    expect(errorOf(declare)).toMatchObject({ code: "ERR_FIELD" });
  });

  test("FLD-12 with an unknown option is refused, and names the known ones", () => {
    const { code, message } = errorOf(() => built(integer, { maximum: 3 }));
    expect(code).toBe("ERR_UNKNOWN_OPTION");
    for (const part of ["integer", '"maximum"', "min, max"]) expect(message).toContain(part);
  });

  test("FLD-16 with something else than options is refused", () => {
    for (const options of [null, 64, []]) {
      expect(errorOf(() => built(text, options))).toMatchObject({ code: "ERR_OPTIONS" });
    }
  });

  test("FLD-13 whose texts look like secrets is refused, without showing them", () => {
    const { code, message } = errorOf(() => define({ contact: oneOf("free", "ada@example.org") }));
    expect(code).toBe("ERR_FIELD_SENSITIVE");
    expect(message).toContain("contact");
    expect(message).toContain(".notSensitive()");
    expect(message).not.toContain("ada");
  });

  test("FLD-17 that says .notSensitive() may have such a name and such texts, and no other name that is refused", () => {
    const allowed = {
      card_layout: oneOf("ada@example.org").notSensitive().on("metric"),
      token_count: integer().notSensitive(),
    };
    expect(define(allowed)).toBe(allowed);
    expect(errorOf(() => define({ card_layout: oneOf("wide") })).message).toContain(".notSensitive()");
    for (const name of ["Token", "experiment.token", "http.route", "traceparent"]) {
      const declared = Object.fromEntries([[name, boolean().notSensitive()]]);
      expect(errorOf(() => define(declared))).toMatchObject({ code: "ERR_FIELD_NAME" });
    }
  });

  test("FLD-14 is not changed by its options: each gives another field", () => {
    const plain = oneOf("a", "b");
    const shown = plain.on("metric", "span").mutable().notSensitive().on("log");
    expect(planOf(plain)).toMatchObject({ signals: [], mutable: false, notSensitive: false });
    expect(planOf(shown)).toMatchObject({ signals: ["span", "log", "metric"], mutable: true, notSensitive: true });
    expect(planOf(shown.on("span"))?.signals).toEqual(["span", "log", "metric"]);
    expect(Object.isFrozen(plain) && Object.isFrozen(planOf(plain)) && Object.isFrozen(planOf(shown)?.signals)).toBe(
      true,
    );
  });

  test("FLD-15 is enough for a service: it needs neither experiments nor trust", async () => {
    const experiments = createExperiments({ fields: { tier: oneOf("a") } });
    await experiments.close();
    expect(errorOf(() => createExperiments({ fields: {} }))).toMatchObject({ code: "ERR_NOTHING_TO_DO" });
    // why: callers in JavaScript give what the type forbids
    expect(errorOf(() => createExperiments({ fields: [] } as unknown as ExperimentsOptions)).code).toBe("ERR_FIELD");
  });
});
