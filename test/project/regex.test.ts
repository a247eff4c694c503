import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseAst } from "vitest/node";
import { superlinear } from "./regex/linearity.ts";

// Time that grows faster than a text is a stranger's way to stop a process. So no regular expression of the package may
// need it, whether it meets a stranger's text today or not.

const ROOT = join(import.meta.dirname, "../..");

interface Found {
  readonly file: string;
  readonly expression: RegExp;
}

interface Node {
  readonly type?: unknown;
  readonly regex?: { readonly pattern: string; readonly flags: string };
  readonly callee?: { readonly name?: unknown };
}

/** Calls back for each node of a syntax tree. */
function walk(node: unknown, visit: (node: Node) => void): void {
  if (typeof node !== "object" || node === null) return;
  if ("type" in node) visit(node);
  for (const child of Object.values(node)) walk(child, visit);
}

const literals: Found[] = [];
/** The files that make expressions from texts, one for each time. */
const making: string[] = [];
for (const file of globSync("{src,adapters,cli,testing}/**/*.ts", { cwd: ROOT }).toSorted()) {
  walk(parseAst(readFileSync(join(ROOT, file), "utf8"), { lang: "ts" }), ({ regex, type, callee }) => {
    if (regex !== undefined) literals.push({ file, expression: new RegExp(regex.pattern, regex.flags) });
    if ((type === "NewExpression" || type === "CallExpression") && callee?.name === "RegExp") making.push(file);
  });
}

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The expressions that are made from texts while a function runs. */
async function madeDuring(run: () => Promise<void>): Promise<readonly RegExp[]> {
  const made: RegExp[] = [];
  const Original = RegExp;
  const recording = new Proxy(Original, {
    construct(target, args, newTarget) {
      const expression: RegExp = Reflect.construct(target, args, newTarget);
      made.push(expression);
      return expression;
    },
  });
  vi.stubGlobal("RegExp", recording);
  await run();
  vi.unstubAllGlobals();
  return made;
}

describe("the check of regular expressions", () => {
  test.each([
    /\s+$/,
    /x.*y/,
    /(a+)+$/,
    /(a*)*$/,
    /(?:a|a)*$/,
    /(?:a|b|ab)*c/,
    /^(.*\/)(lib\/.+\.js)$/,
    /^[a-z]*[a-z0-9]*$/,
    /^a*b*a*$/,
    /(?=.*x)y/,
    /^(\d+\.?)+$/,
    /^.{0,5}.*.*x/,
    /eyJ[\w-]*\.[\w-]+\./,
    /[?#].*$/g,
    /\s*([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*([;,]|$)/giy,
  ])("RGX-01 finds what is not linear: %s", (expression) => {
    expect(superlinear(expression)).toBeTypeOf("string");
  });

  test.each([
    /^\s+/,
    /a+/,
    /[^a]+/g,
    /^(?:a|b)*$/,
    /^[a-z]+=[^;]*$/,
    /^"((?:[^"\\]|\\.)*)"$/,
    /(?<![\w-])eyJ[\w-]*\.[\w-]+\./,
    /[^\s@]@[^\s@,;.]+\.+[^\s@.]/,
    /^(?:a{1,64}-)*b$/,
    /^a?b{2,5}c$/,
    /\s*x/y,
    /^(?!.*\.step$)[a-z]{0,31}(?:\.[a-z]{0,31})*$/,
  ])("RGX-02 lets alone what is: %s", (expression) => {
    expect(superlinear(expression)).toBeUndefined();
  });
});

test("RGX-03 no regular expression of the package can take more than linear time", () => {
  expect(literals.length).toBeGreaterThan(40);
  const wrong = literals.flatMap(({ file, expression }) => {
    const why = superlinear(expression);
    return why === undefined ? [] : [`${file}: ${String(expression)}: ${why}`];
  });
  expect(wrong).toEqual([]);
});

test("RGX-04 nor can one that is made from a text", async () => {
  expect(making).toEqual([
    "src/fields/pattern.ts",
    "src/fields/pattern.ts",
    "src/fields/pattern.ts",
    "src/fields/sensitive-values.ts",
  ]);
  vi.resetModules();
  const made = await madeDuring(async () => {
    await import("../../src/fields/sensitive-values.ts");
    const { compilePattern } = await import("../../src/fields/pattern.ts");
    compilePattern("text", /^[a-z]{2}-[a-z]+-\d*\.x?$/);
  });
  expect(made.length).toBeGreaterThanOrEqual(8);
  expect(made.flatMap((expression) => superlinear(expression) ?? [])).toEqual([]);
});
