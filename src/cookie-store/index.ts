/** Keeps a visitor in their variants by signed cookies, also if the visitor is anonymous. */
import { isExperimentName } from "../assignment/names.ts";
import type { StickyKey, StickyStore } from "../assignment/sticky-store.ts";
import { describeValue } from "../checks/describe-value.ts";
import { attempt } from "../checks/diagnostics.ts";
import { DURATION_RULE, type Duration, secondsOf } from "../checks/duration.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions, type GivenOptions } from "../checks/option-checks.ts";
import { compileSecrets } from "../checks/secrets.ts";
import { isSigned, sign } from "../checks/signature.ts";
import { cookieNames, cookieValues, isCookieName } from "../http/cookies.ts";
import { linesOf } from "../http/header-parts.ts";
import type { HttpExchange, ResponseCookie } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";
import { type FirstContact, firstContact, isPage, noteAnswer } from "./first-contact.ts";

export type { StickyKey, StickyStore } from "../assignment/sticky-store.ts";
export type { Duration } from "../checks/duration.ts";
export type { HeaderGetter, HttpExchange, ResponseCookie } from "../http/shapes.ts";

/** The secrets and attributes of the cookies. */
export interface CookieStoreOptions {
  /** One secret of at least 16 characters, or several: the first signs, all of them verify. */
  readonly secrets: string | readonly string[];
  /** The visitor's cookie; that of a variant is `<name>.<experiment id>`. Default: `experiments`. */
  readonly name?: string;
  /** Default: `"90d"`. */
  readonly maxAge?: Duration;
  /** Default: `/`. */
  readonly path?: string;
  /** Default: none, so only this host receives the cookie. */
  readonly domain?: string;
  /** Default: `"Lax"`. `"None"` needs `secure`. */
  readonly sameSite?: "Strict" | "Lax" | "None";
  /** Default: true. Browsers accept such a cookie from `http://localhost` too. */
  readonly secure?: boolean;
  /** Default: true. */
  readonly httpOnly?: boolean;
}

const OPTION_NAMES: readonly (keyof CookieStoreOptions)[] = [
  "secrets",
  "name",
  "maxAge",
  "path",
  "domain",
  "sameSite",
  "secure",
  "httpOnly",
];
/** A variant's cookie has at most 240 bytes, so that all of them fit into a request, whose headers Node ends at 16 kB. */
const MAX_EXPERIMENTS = 24;
/** Signed with the text, so that a signature is valid for no other purpose and no other version of the format. */
const VISITOR = "otel-experiments visitor v1";
const VARIANT = "otel-experiments variant v1";
const SIGNED = /^([A-Za-z0-9._-]{1,64})!([A-Za-z0-9_-]{43})$/;
const VISITOR_ID = /^[A-Za-z0-9_-]{22}$/;

/** What is known of the visitor of a request. */
interface Visitor {
  readonly id: string;
  /** Whether the response sets the visitor's cookie. */
  isSet: boolean;
  /** Undefined if the request brought the cookie. */
  readonly contact: FirstContact | undefined;
  /** The variants that the response sets, by experiment id. */
  readonly variants: Map<string, string>;
  /** The names of the variants' cookies that the browser has then, the oldest first. */
  names: Set<string> | undefined;
}

/** The visitor of each request, by the cookie's name: all instances that serve a request share them. */
const visitors = processWide("cookie-visitors.v2", () => new WeakMap<object, Map<string, Visitor>>());

/**
 * A store for `createExperiments({ store: cookieStore({ secrets }) })`. One signed cookie says who the visitor is, and
 * does not change; that id is the subject of every assignment, whatever subject `assign` is given. One more for each
 * experiment keeps the variant; its signature holds for that visitor only. Cookies without a valid signature are ignored.
 *
 * @throws ExperimentConfigError
 */
export function cookieStore(options: CookieStoreOptions): StickyStore {
  const given = checkOptions("cookieStore", options, OPTION_NAMES);
  const { name = "experiments" } = given;
  const secrets = compileSecrets("ERR_STORE", "the cookie store", given.secrets);
  if (!isCookieName(name))
    throw refuse(`the cookie's name is ${describeValue(name)}; write a token such as "experiments"`);
  const { maxAge, attributes } = compileAttributes(given);
  const begin = `${name}=`;
  const prefix = `${name}.`;

  const find = (exchange: HttpExchange): Visitor => {
    const found = visitors().get(exchange.request) ?? new Map<string, Visitor>();
    const standing = found.get(name);
    if (standing !== undefined) return standing;
    const values = cookieValues(exchange.header("cookie"), name);
    // A service on a parent domain may set a cookie with the same name, signed with another secret.
    const known = first(values, (value) => verified(value, VISITOR, "", secrets));
    const isKnown = known !== undefined && VISITOR_ID.test(known);
    const contact = isKnown ? undefined : firstContact(exchange, secrets[0]);
    const id = contact?.group.id ?? known ?? "";
    const visitor = { id, contact, isSet: false, variants: new Map<string, string>(), names: undefined };
    visitors().set(exchange.request, found.set(name, visitor));
    return visitor;
  };
  const cookieOf = ({ id, contact }: Visitor): ResponseCookie => ({
    name,
    line: `${begin}${signed(id, VISITOR, "", secrets[0])}${maxAge}${attributes}`,
    sent: contact === undefined ? undefined : () => noteAnswer(contact),
  });
  const introduce = (exchange: HttpExchange, visitor: Visitor): void => {
    if (visitor.isSet) return;
    put(exchange, cookieOf(visitor));
    visitor.isSet = true;
  };

  return Object.freeze({
    arrive(exchange: HttpExchange) {
      if (linesOf(exchange.header("cookie")).some((line) => line.includes(begin))) return undefined;
      // Grouped with the calls that arrive at the same time; it may be assigned much later.
      firstContact(exchange, secrets[0]);
      // The calls that a page makes bring the cookie.
      return isPage(exchange) ? cookieOf(find(exchange)) : undefined;
    },
    visitor: (exchange: HttpExchange) => find(exchange).id,
    get(_: string, { id, exchange }: StickyKey) {
      if (exchange === undefined) return undefined;
      const visitor = find(exchange);
      // Also visitors who take no part have an id that stays, so that they stay out.
      if (visitor.contact !== undefined) {
        attempt("store", "the visitor's cookie was not set, so they may not stay in their variants", () =>
          introduce(exchange, visitor),
        );
      }
      const values = cookieValues(exchange.header("cookie"), prefix + id);
      return (
        visitor.variants.get(id) ?? first(values, (value) => verified(value, VARIANT, `${visitor.id}~${id}~`, secrets))
      );
    },
    set(_: string, variant: string, { key, id, exchange }: StickyKey) {
      if (exchange === undefined) throw new Error(`there is no response to set a cookie for ${key}`);
      const visitor = find(exchange);
      // The visitor's cookie lives as long as that of any variant.
      introduce(exchange, visitor);
      const cookie = prefix + id;
      const value = signed(variant, VARIANT, `${visitor.id}~${id}~`, secrets[0]);
      put(exchange, { name: cookie, line: `${cookie}=${value}${maxAge}${attributes}` });
      visitor.variants.set(id, variant);
      visitor.names ??= cookieNames(exchange.header("cookie"), prefix);
      visitor.names.add(cookie);
      if (visitor.names.size <= MAX_EXPERIMENTS) return;
      const [oldest = cookie] = visitor.names;
      visitor.names.delete(oldest);
      if (oldest !== cookie && isExperimentName(oldest.slice(prefix.length)))
        put(exchange, { name: oldest, line: `${oldest}=; Max-Age=0${attributes}` });
    },
  });
}

/** @throws Error if the response has begun */
function put(exchange: HttpExchange, { name, line, sent }: ResponseCookie): void {
  if (exchange.setCookie?.(name, line, sent) !== true)
    throw new Error(`the response has begun, so the cookie ${name} is not set`);
}

/** Their text, from `maxAge` on: a cookie is taken away by the same attributes with another age. */
function compileAttributes(options: GivenOptions<keyof CookieStoreOptions>): {
  readonly maxAge: string;
  readonly attributes: string;
} {
  const { maxAge = "90d", path = "/", domain, sameSite = "Lax", secure = true, httpOnly = true } = options;
  const seconds = secondsOf(maxAge);
  if (seconds === undefined) throw refuse(`maxAge is ${describeValue(maxAge)}; write ${DURATION_RULE}`);
  if (typeof path !== "string" || !/^\/[!-:<-~]*$/.test(path))
    throw refuse(`path is ${describeValue(path)}; write a path that begins with a slash`);
  if (domain !== undefined && (typeof domain !== "string" || !/^[A-Za-z0-9.-]+$/.test(domain)))
    throw refuse(`domain is ${describeValue(domain)}; write a host`);
  if (sameSite !== "Strict" && sameSite !== "Lax" && sameSite !== "None") {
    throw refuse(`sameSite is ${describeValue(sameSite)}; write "Strict", "Lax" or "None"`);
  }
  if (typeof secure !== "boolean") throw refuse(`secure is ${describeValue(secure)}; write true or false`);
  if (typeof httpOnly !== "boolean") throw refuse(`httpOnly is ${describeValue(httpOnly)}; write true or false`);
  if (sameSite === "None" && !secure) throw refuse('browsers refuse sameSite: "None" without secure; leave secure on');
  const attributes = [
    `; Path=${path}`,
    domain === undefined ? "" : `; Domain=${domain}`,
    `; SameSite=${sameSite}`,
    secure ? "; Secure" : "",
    httpOnly ? "; HttpOnly" : "",
  ].join("");
  return { maxAge: `; Max-Age=${seconds}`, attributes };
}

/** `text!signature`, not encoded. The signature is for a text that follows on `context`. */
function signed(text: string, purpose: string, context: string, secret: string): string {
  return `${text}!${sign(purpose, context + text, secret)}`;
}

/** The text of a signed value. */
function verified(value: string, purpose: string, context: string, secrets: readonly string[]): string | undefined {
  const [, text, signature] = SIGNED.exec(value) ?? [];
  if (text === undefined || signature === undefined) return undefined;
  return isSigned(purpose, context + text, signature, secrets) ? text : undefined;
}

/** The first result that is not undefined. */
function first<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refuse(message: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_STORE", message);
}
