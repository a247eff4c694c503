import { oddHeaders } from "./headers.ts";

/** The options of a dispatch. Each call makes new ones. */
export interface OddOptions {
  readonly name: string;
  readonly make: (origin: string) => unknown;
  /** False if the request goes to another destination than the origin. */
  readonly carries?: boolean;
}

function broken(): never {
  throw new RangeError("it broke");
}

const nothings: readonly (readonly [name: string, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 5],
  ["a boolean", true],
  ["a text", "text"],
  ["an empty text", ""],
  ["a symbol", Symbol("argument")],
  ["a function", () => undefined],
  ["an empty object", {}],
  ["an array", [1]],
  ["an object whose text cannot be had", { toString: broken }],
];

const members = ["origin", "path", "method", "upgrade", "body", "reset", "throwOnError", "maxRedirections"] as const;
const others = [
  "headersTimeout",
  "bodyTimeout",
  "expectContinue",
  "blocking",
  "idempotent",
  "query",
  "signal",
] as const;

class Options {
  readonly #path = "/private";
  readonly method = "GET";
  readonly origin: string;

  constructor(origin: string) {
    this.origin = origin;
  }

  get path(): string {
    return this.#path;
  }
}

const whole: readonly OddOptions[] = [
  { name: "a frozen object", make: (origin) => Object.freeze({ ...get(origin), headers: { "x-a": "1" } }) },
  { name: "no prototype", make: (origin) => Object.assign(Object.create(null), get(origin)) },
  { name: "inherited members", make: (origin) => Object.create({ ...get(origin), headers: { "x-a": "1" } }) },
  { name: "a class with a private member", make: (origin) => new Options(origin) },
  { name: "a proxy", make: (origin) => new Proxy(get(origin), {}) },
  { name: "a proxy that throws", make: () => new Proxy({}, { get: broken }) },
  { name: "a proxy without keys", make: (origin) => new Proxy(get(origin), { ownKeys: broken }) },
  {
    name: "a getter of headers that throws",
    make: (origin) => ({
      ...get(origin),
      get headers() {
        return broken();
      },
    }),
  },
  {
    name: "a getter of method that throws",
    make: (origin) => ({
      origin,
      path: "/",
      get method() {
        return broken();
      },
    }),
  },
  {
    name: "a getter of path that throws",
    make: (origin) => ({
      origin,
      method: "GET",
      get path() {
        return broken();
      },
    }),
  },
];

const single: readonly (readonly [name: string, given: object])[] = [
  ["a path without a slash", { path: "x" }],
  ["a path with a space", { path: "/x y" }],
  ["a path with a line break", { path: "/x\r\ny" }],
  ["an absolute path", { path: "http://nowhere.test/x" }],
  ["a method in lower case", { method: "put" }],
  ["a method with a space", { method: "x y" }],
  ["an origin as a URL", { origin: new URL("http://nowhere.invalid:1") }],
  ["an origin as parts", { origin: { protocol: "http:", hostname: "127.0.0.1", port: 1 } }],
  ["an origin that is none", { origin: "text" }],
  ["an upgrade", { upgrade: "Websocket" }],
  ["an upgrade with a line break", { upgrade: "a\r\nb" }],
  ["a body", { method: "POST", body: "text" }],
  ["a body of bytes", { method: "POST", body: Buffer.from("text") }],
  ["a body that is an array", { method: "POST", body: [Buffer.from("a")] }],
  ["a wrong length", { method: "POST", body: "text", headers: { "content-length": "1" } }],
  ["a signal that is aborted", { signal: AbortSignal.abort() }],
  ["a negative timeout", { headersTimeout: -1 }],
  ["a reset", { reset: true }],
  ["a query", { query: { a: 1 } }],
  ["a dispatcher", { dispatcher: {} }],
];

function get(origin: string): { origin: string; path: string; method: string } {
  return { origin, path: "/x", method: "GET" };
}

/** Every form of options that a dispatch may get. */
export const oddOptions: readonly OddOptions[] = [
  ...nothings.map(([name, value]) => ({ name: `${name} for the options`, make: () => value })),
  ...whole,
  ...[...members, ...others].flatMap((member) =>
    nothings.map(([name, value]) => ({
      name: `${name} for ${member}`,
      make: (origin: string) => ({ ...get(origin), [member]: value }),
    })),
  ),
  ...single.map(([name, given]) => ({
    name,
    make: (origin: string) => ({ ...get(origin), ...given }),
    carries: name !== "an absolute path",
  })),
  ...oddHeaders.map(({ name, make }) => ({
    name: `headers: ${name}`,
    make: (origin: string) => ({ ...get(origin), headers: make() }),
  })),
];
