import { describe, expect, test } from "vitest";
import { checkOptions, optionsMistake } from "../../../src/checks/option-checks.ts";

const NAMES = ["secrets", "maxAge", "id"] as const;

const messageOf = (options: unknown): string | undefined => optionsMistake("a store", options, NAMES)?.message;

test("OPC-01 options with known names alone are given back as they are, whatever their values", () => {
  for (const options of [{}, { secrets: null }, Object.assign(Object.create(null), { maxAge: undefined })]) {
    expect(checkOptions("a store", options, NAMES)).toEqual({ ...options });
    expect(messageOf(options)).toBeUndefined();
  }
});

test("OPC-02 a mistake that can be reported is the one that is thrown", () => {
  for (const options of [undefined, null, [], "secrets", { secret: 1 }, { colour: 1 }]) {
    const mistake = optionsMistake("a store", options, NAMES);
    expect(mistake).toBeDefined();
    expect(() => checkOptions("a store", options, NAMES)).toThrow(
      expect.objectContaining({ name: "ExperimentConfigError", ...mistake }),
    );
  }
});

describe("an unknown option", () => {
  test.each([
    ["secret", "secrets"],
    ["SECRETS", "secrets"],
    ["scerets", "secrets"],
    ["max_age", "maxAge"],
    ["maxage", "maxAge"],
    ["ids", "id"],
  ])("OPC-03 that is a slip of a known one is answered with that one: %s", (unknown, nearest) => {
    expect(messageOf({ [unknown]: 1 })).toBe(`the option "${unknown}" of a store is unknown; did you mean ${nearest}?`);
  });

  test.each(["colour", "", "on", "x", "__proto"])("OPC-04 that is near to none is answered with all: %j", (unknown) => {
    expect(messageOf({ secrets: "", [unknown]: 1 })).toBe(
      `the option "${unknown}" of a store is unknown; the options are secrets, maxAge, id`,
    );
  });

  test("OPC-05 beside which there is one known option is answered with that one", () => {
    expect(optionsMistake("a client", { colour: 1 }, ["spans"])?.message).toBe(
      'the option "colour" of a client is unknown; the only option is spans',
    );
  });
});

test("OPC-06 an object of a class is named as that, unless it has a known option: then it is options with a slip", () => {
  class Agent {
    readonly origin = "http://a";
  }
  class Settings {
    readonly secrets = "";
    readonly maxage = 1;
  }
  expect(messageOf(new Agent())).toBe(
    'the options of a store are an object of the class "Agent"; write an object with secrets, maxAge, id, or leave it out',
  );
  expect(messageOf(new Settings())).toBe('the option "maxage" of a store is unknown; did you mean maxAge?');
});
