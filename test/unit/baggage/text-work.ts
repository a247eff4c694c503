/**
 * Counts how many characters of texts a function looks at, as an upper bound: the methods of strings and regular
 * expressions that go over a text are replaced while the function runs. Unlike time it is the same each time.
 */
export function textWork(run: () => unknown): number {
  let work = 0;
  const restore = COSTS.map(([holder, name, cost]) => {
    const original: unknown = Reflect.get(holder, name);
    if (typeof original !== "function") throw new Error(`there is no method ${String(name)}`);
    const counting = function (this: unknown, ...args: unknown[]): unknown {
      const from = this instanceof RegExp && this.global ? this.lastIndex : 0;
      const result: unknown = Reflect.apply(original, this, args);
      work += cost(this, args, result, from);
      return result;
    };
    Object.defineProperty(holder, name, { value: counting, configurable: true, writable: true });
    return () => Object.defineProperty(holder, name, { value: original, configurable: true, writable: true });
  });
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return work;
}

/** @param from where a global regular expression began to search */
type Cost = (self: unknown, args: readonly unknown[], result: unknown, from: number) => number;

const ONE: Cost = () => 1;
const WHOLE: Cost = (self) => lengthOf(self);
const RESULT: Cost = (_self, _args, result) => lengthOf(result);
const ARGUMENT: Cost = (_self, [text]) => lengthOf(text);

/** From where the search starts to where it ends. */
const FORWARD: Cost = (self, [, from], result) => {
  const start = typeof from === "number" ? from : 0;
  return (typeof result === "number" && result >= 0 ? result : lengthOf(self)) - start + 1;
};
const BACKWARD: Cost = (self, [, from], result) => {
  const start = typeof from === "number" ? from : lengthOf(self);
  return start - (typeof result === "number" ? result : 0) + 1;
};

/** A global expression searches from where it began to the end of what it finds; any other goes over the whole text. */
const SEARCH: Cost = (self, [text], result, from) => {
  const isFound = result !== false && result !== null;
  return (self instanceof RegExp && self.global && isFound ? self.lastIndex : lengthOf(text)) - from;
};

function lengthOf(text: unknown): number {
  return typeof text === "string" ? text.length : 0;
}

const COSTS: readonly (readonly [holder: object, name: string | symbol, cost: Cost])[] = [
  ...["charCodeAt", "charAt", "codePointAt", "at"].map((name) => [String.prototype, name, ONE] as const),
  ...["slice", "substring", "substr", "repeat", "padEnd"].map((name) => [String.prototype, name, RESULT] as const),
  [String.prototype, "indexOf", FORWARD],
  [String.prototype, "lastIndexOf", BACKWARD],
  ...["includes", "split", "trim", "trimStart", "trimEnd", "replace", "replaceAll", "match", "matchAll", "search"].map(
    (name) => [String.prototype, name, WHOLE] as const,
  ),
  ...["toLowerCase", "toUpperCase", "toWellFormed", "isWellFormed", "normalize", Symbol.iterator].map(
    (name) => [String.prototype, name, WHOLE] as const,
  ),
  ...["startsWith", "endsWith"].map((name) => [String.prototype, name, ARGUMENT] as const),
  ...["test", "exec"].map((name) => [RegExp.prototype, name, SEARCH] as const),
  [globalThis, "decodeURIComponent", ARGUMENT],
  [globalThis, "encodeURIComponent", ARGUMENT],
  [Buffer, "from", ARGUMENT],
];
