import { oddHeaders } from "./headers.ts";

/** The arguments of a call of fetch. Each call makes new ones. */
export interface OddArguments {
  readonly name: string;
  readonly make: (origin: string) => readonly unknown[];
  /** False if some fetch ignores what it does not know, so that nothing can be added, or makes no request of it. */
  readonly carries?: boolean;
}

const NOTHING: readonly (readonly [name: string, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 5],
  ["a boolean", true],
  ["a text", "text"],
  ["an empty text", ""],
  ["a symbol", Symbol("argument")],
  ["a bigint", 5n],
  ["a function", () => undefined],
  ["an empty object", {}],
  ["an array", [1]],
  ["an object without a prototype", Object.create(null)],
  ["an object whose text cannot be had", { toString: broken }],
];

class Options {
  readonly #method = "PUT";

  get method(): string {
    return this.#method;
  }
}

function broken(): never {
  throw new RangeError("it broke");
}

const inits: readonly (readonly [name: string, make: () => unknown])[] = [
  ["a member without a value", () => ({ method: undefined, headers: undefined, body: undefined })],
  ["no prototype", () => Object.assign(Object.create(null), { method: "PUT" })],
  ["a frozen one", () => Object.freeze({ method: "PUT", headers: Object.freeze({ "x-a": "1" }) })],
  ["inherited members", () => Object.create({ method: "PUT", headers: { "x-a": "1" } })],
  ["a class with a private member", () => new Options()],
  ["a function with members", () => Object.assign(() => undefined, { method: "PUT" })],
  ["an array with members", () => Object.assign([], { method: "PUT" })],
  ["hidden members", () => Object.defineProperty({}, "method", { value: "PUT" })],
  ["a Request", () => new Request("http://nowhere.test", { method: "PUT", body: "text", headers: { "x-a": "1" } })],
  [
    "a getter that throws",
    () => ({
      method: "PUT",
      get body() {
        return broken();
      },
    }),
  ],
  [
    "headers by a getter that throws",
    () => ({
      get headers() {
        return broken();
      },
    }),
  ],
  [
    "an unknown getter that throws",
    () => ({
      method: "PUT",
      get unknown() {
        return broken();
      },
    }),
  ],
  ["a proxy", () => new Proxy({ method: "PUT" }, {})],
  ["a proxy of nothing", () => new Proxy({}, { get: (_, name) => (name === "method" ? "PUT" : undefined) })],
  ["a proxy that throws", () => new Proxy({}, { get: broken })],
  ["a proxy without keys", () => new Proxy({ method: "PUT" }, { ownKeys: broken, getPrototypeOf: broken })],
  ["a revoked proxy", revoked],
  ["an unknown method", () => ({ method: "x y" })],
  ["a method in lower case", () => ({ method: "put" })],
  ["a forbidden method", () => ({ method: "TRACK" })],
  ["a method that is none", () => ({ method: Symbol("method") })],
  ["a body of GET", () => ({ body: "text" })],
  ["a body that is null", () => ({ method: "POST", body: null })],
  ["a body that is a number", () => ({ method: "POST", body: 5 })],
  ["a body that is a symbol", () => ({ method: "POST", body: Symbol("body") })],
  ["a body that is an object", () => ({ method: "POST", body: {} })],
  ["a body of bytes", () => ({ method: "POST", body: new Uint8Array([65, 66]) })],
  ["a body of parameters", () => ({ method: "POST", body: new URLSearchParams({ a: "1" }) })],
  ["a body that is a Blob", () => ({ method: "POST", body: new Blob(["text"], { type: "text/x" }) })],
  ["a stream", () => ({ method: "POST", body: new Blob(["text"]).stream(), duplex: "half" })],
  ["a stream without duplex", () => ({ method: "POST", body: new Blob(["text"]).stream() })],
  ["an odd duplex", () => ({ method: "POST", body: new Blob(["text"]).stream(), duplex: "full" })],
  ["a signal that is aborted", () => ({ signal: AbortSignal.abort() })],
  ["a signal that is aborted with a reason", () => ({ signal: AbortSignal.abort(new RangeError("a reason")) })],
  ["a signal that is aborted with a text", () => ({ signal: AbortSignal.abort("a reason") })],
  ["a signal that is null", () => ({ signal: null })],
  ["a signal that is none", () => ({ signal: {} })],
  ["a signal that looks like one", () => ({ signal: { aborted: true, addEventListener: broken } })],
  ["an odd redirect", () => ({ redirect: "x" })],
  ["an odd mode", () => ({ mode: "navigate" })],
  ["an odd cache", () => ({ cache: "only-if-cached" })],
  ["an odd referrer", () => ({ referrer: "http://" })],
  ["a referrer", () => ({ referrer: "http://from.test/x" })],
  ["an odd window", () => ({ window: 5 })],
  ["an odd integrity", () => ({ integrity: 5 })],
  ["a wrong integrity", () => ({ integrity: "sha256-AAAA" })],
  ["an odd dispatcher", () => ({ dispatcher: {} })],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const requests: readonly (readonly [name: string, init: RequestInit])[] = [
  ["a Request", {}],
  ["a Request with headers", { headers: { "X-a": "1" } }],
  ["a Request with a body", { method: "POST", body: "text" }],
  ["a Request with a referrer", { referrer: "http://from.test/x", referrerPolicy: "unsafe-url" }],
  ["a Request without a referrer", { referrer: "" }],
  ["a Request that is aborted", { signal: AbortSignal.abort() }],
];

/** Every form of arguments that fetch may get. */
export const oddArguments: readonly OddArguments[] = [
  { name: "no argument", make: () => [] },
  { name: "three arguments", make: (origin) => [origin, {}, broken] },
  ...NOTHING.map(([name, value]) => ({ name: `${name} for the URL`, make: () => [value] })),
  ...NOTHING.map(([name, value]) => ({
    name: `${name} for init`,
    make: (origin: string) => [origin, value],
    carries: typeof value === "object" && value !== null,
  })),
  ...NOTHING.map(([name, value]) => ({ name: `${name} for both`, make: () => [value, value] })),
  { name: "a relative URL", make: () => ["/x"] },
  { name: "an unknown protocol", make: () => ["unknown://x"] },
  { name: "data", make: () => ["data:text/plain,text"] },
  { name: "a URL object", make: (origin) => [new URL(`${origin}/x?y`)] },
  { name: "a URL with a fragment", make: (origin) => [`${origin}/x#fragment`] },
  { name: "a URL with spaces", make: (origin) => [`  ${origin}/x y  `] },
  { name: "a URL with credentials", make: (origin) => [origin.replace("//", "//user:password@")] },
  { name: "an object with the text of a URL", make: (origin) => [{ toString: () => `${origin}/x` }] },
  { name: "an object that looks like a Request", make: (origin) => [{ url: `${origin}/x`, headers: {} }] },
  ...requests.map(([name, init]) => ({ name, make: (origin: string) => [new Request(origin, init)] })),
  ...requests.map(([name, init]) => ({
    name: `${name}, and {}`,
    make: (origin: string) => [new Request(origin, init), {}],
  })),
  ...requests.map(([name, init]) => ({
    name: `${name}, and a method`,
    make: (origin: string) => [new Request(origin, init), { method: "PUT" }],
  })),
  ...inits.map(([name, make]) => ({
    name: `init: ${name}`,
    make: (origin: string) => [origin, make()],
  })),
  ...oddHeaders.map(({ name, make, carries = true }) => ({
    carries,
    name: `headers: ${name}`,
    make: (origin: string) => [origin, { headers: make() }],
  })),
];
