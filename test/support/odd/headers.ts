/** Headers that a caller may give by mistake or for good reasons. Each call makes new ones. */
export interface OddHeaders {
  readonly name: string;
  readonly make: () => unknown;
  /** False if some client ignores what it does not know as headers. Then nothing can be added. */
  readonly carries?: boolean;
}

class Inherited {
  readonly "x-own" = "1";

  get "x-inherited"(): string {
    return "2";
  }
}

function* generated(): Generator<unknown, void> {
  yield ["x-a", "1"];
  yield ["x-a", "2"];
}

function* broken(): Generator<unknown, void> {
  yield ["x-a", "1"];
  throw new RangeError("the iterator broke");
}

const values: readonly (readonly [name: string, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 5],
  ["NaN", Number.NaN],
  ["a bigint", 5n],
  ["a boolean", false],
  ["a symbol", Symbol("value")],
  ["an object", {}],
  ["an object with toString", { toString: () => "text" }],
  ["a function", () => "text"],
  ["an array", ["1", "2"]],
  ["an empty array", []],
  ["an array of odd values", ["1", null, 5]],
  ["an array with an object", ["1", {}]],
  ["a date", new Date(0)],
  ["bytes", Buffer.from("text")],
  ["a boxed string", Object("text")],
  ["an empty text", ""],
  ["spaces", "  a  "],
  ["a line break", "a\r\nx-evil: 1"],
  ["a NUL", "a\0"],
  ["a letter beyond latin1", "\u{1F600}"],
  ["a latin1 letter", "ü"],
];

/** The kinds of value that a name, or an item of an iterable, may be. */
const few = values.filter(([name]) =>
  ["undefined", "null", "a number", "a symbol", "an object", "an array"].includes(name),
);

const names = ["", " ", "x y", "x:y", "x\r\ny", "ü", "__proto__", "constructor", "5", "x-\u{1F600}"];

/** Every form that fetch or dispatch may get for `headers`. */
export const oddHeaders: readonly OddHeaders[] = [
  ...values.map(([name, value]) => ({ name: `${name} for headers`, make: () => value, carries: false })),
  ...values.map(([name, value]) => ({ name: `${name} as the value of a record`, make: () => ({ "x-a": value }) })),
  ...values.map(([name, value]) => ({ name: `${name} as the value of baggage`, make: () => ({ baggage: value }) })),
  ...values.map(([name, value]) => ({ name: `${name} in a flat array`, make: () => ["x-a", value] })),
  ...few.map(([name, value]) => ({ name: `${name} as a name in a flat array`, make: () => [value, "1"] })),
  ...few.map(([name, value]) => ({ name: `${name} in pairs`, make: () => [["x-a", value]] })),
  ...few.map(([name, value]) => ({ name: `${name} as a name in pairs`, make: () => [[value, "1"]] })),
  ...few.map(([name, value]) => ({ name: `${name} as a pair`, make: () => new Set([value]) })),
  ...names.map((name) => ({ name: `the name ${JSON.stringify(name)} in a record`, make: () => recordOf(name) })),
  ...names.map((name) => ({ name: `the name ${JSON.stringify(name)} in a flat array`, make: () => [name, "1"] })),
  { name: "a line as text", make: () => "a: b" },
  { name: "an array of one", make: () => ["a"] },
  { name: "an array of three", make: () => ["a", "b", "c"] },
  { name: "an array of one within an array", make: () => [["a"]] },
  { name: "an array of three within an array", make: () => [["a", "b", "c"]] },
  { name: "an array of iterables", make: () => [new Set(["x-a", "1"])] },
  { name: "an array with a hole", make: () => Object.assign([], { 1: ["x-a", "1"] }) },
  { name: "an empty array of headers", make: () => [] },
  { name: "an empty record", make: () => ({}) },
  { name: "Headers", make: () => new Headers({ "X-a": "1" }) },
  {
    name: "Headers with cookies",
    make: () =>
      new Headers([
        ["set-cookie", "a"],
        ["set-cookie", "b"],
      ]),
  },
  { name: "a Map", make: () => new Map([["x-a", "1"]]) },
  { name: "a Set of pairs", make: () => new Set([["x-a", "1"]]) },
  { name: "parameters of a URL", make: () => new URLSearchParams({ "x-a": "1" }) },
  { name: "a generator", make: generated },
  { name: "an iterator of a Map", make: () => new Map([["x-a", "1"]]).entries() },
  { name: "a generator that throws", make: broken },
  { name: "an iterator that is none", make: () => ({ [Symbol.iterator]: () => ({}) }) },
  { name: "an iterator that is no function", make: () => ({ [Symbol.iterator]: 5 }) },
  { name: "an iterator that is undefined", make: () => ({ [Symbol.iterator]: undefined, "x-a": "1" }) },
  { name: "an iterator of what is no pair", make: () => new Set([5, 6]).values() },
  { name: "inherited members", make: () => new Inherited() },
  { name: "members of a prototype", make: () => Object.create({ "x-a": "1" }) },
  { name: "no prototype", make: () => Object.assign(Object.create(null), { "x-a": "1" }) },
  { name: "a frozen record", make: () => Object.freeze({ "x-a": "1" }) },
  { name: "a frozen array", make: () => Object.freeze(["x-a", "1"]) },
  { name: "a hidden member", make: () => Object.defineProperty({}, "x-a", { value: "1" }) },
  {
    name: "a getter",
    make: () => ({
      get "x-a"() {
        return "1";
      },
    }),
  },
  {
    name: "a getter that throws",
    make: () => ({
      get "x-a"() {
        throw new RangeError("the getter broke");
      },
    }),
  },
  { name: "a symbol as a name", make: () => ({ [Symbol("x-a")]: "1" }) },
  { name: "a proxy", make: () => new Proxy({ "x-a": "1" }, {}) },
  {
    name: "a proxy that throws",
    make: () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new RangeError("no keys");
          },
        },
      ),
  },
  { name: "a revoked proxy", make: revoked },
  { name: "a proxy of an array", make: () => new Proxy(["x-a", "1"], {}) },
  { name: "names that differ in case", make: () => ({ "x-a": "1", "X-A": "2" }) },
  { name: "baggage in two cases", make: () => ({ baggage: "a=1", Baggage: "b=2" }) },
  { name: "two lengths", make: () => ["content-length", "0", "Content-Length", "0"] },
  { name: "two lengths in a record", make: () => ({ "content-length": "0", "Content-Length": "0" }) },
  { name: "a length that is none", make: () => ({ "content-length": "asd" }) },
  { name: "two hosts", make: () => ["host", "a", "Host", "b"] },
  { name: "a host", make: () => ({ host: "a.test" }) },
  { name: "a connection that is none", make: () => ({ connection: "asd" }) },
  { name: "a connection to close", make: () => ({ connection: "close" }) },
  { name: "a transfer encoding", make: () => ({ "transfer-encoding": "chunked" }) },
  { name: "a keep-alive", make: () => ({ "keep-alive": "timeout=5" }) },
  { name: "an upgrade", make: () => ({ upgrade: "websocket" }) },
  // node:http writes such a request before anybody can add to it.
  { name: "an expectation", make: () => ({ expect: "100-continue" }), carries: false },
  { name: "a pseudo header", make: () => ({ ":path": "/other" }) },
];

function recordOf(name: string): object {
  return Object.defineProperty({}, name, { value: "1", enumerable: true, configurable: true, writable: true });
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
