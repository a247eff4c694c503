/** Keeps a visitor in their variants by a signed cookie, also if the visitor is anonymous. */
import { isExperimentName } from "../assignment/names.ts";
import type { StickyKey, StickyStore } from "../assignment/sticky-store.ts";
import { describeValue } from "../checks/describe-value.ts";
import { DURATION_RULE, type Duration, secondsOf } from "../checks/duration.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions, type GivenOptions } from "../checks/option-checks.ts";
import { compileSecrets } from "../checks/secrets.ts";
import { isSigned, sign } from "../checks/signature.ts";
import { cookieValues, isCookieName } from "../http/cookies.ts";
import type { HttpExchange } from "../http/shapes.ts";

/** The secrets and attributes of the cookie. */
export interface CookieStoreOptions {
  /** One secret of at least 16 characters, or several: the first signs, all of them verify. */
  readonly secrets: string | readonly string[];
  /** Default: `experiments`. */
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
/** A browser keeps 4096 bytes of a cookie (RFC 6265, section 6.1). This many experiments always fit. */
const MAX_EXPERIMENTS = 24;
/** Signed with the text, so that a signature is valid for no other purpose and no other version of the format. */
const PURPOSE = "otel-experiments cookie v1";
const VALUE = /^([A-Za-z0-9._~-]+)!([A-Za-z0-9_-]{43})$/;

/**
 * The variants that a response's cookie already holds, by request and cookie name. The next assignment in the same
 * request, by any instance, adds to them.
 */
const written = new WeakMap<object, Map<string, ReadonlyMap<string, string>>>();

/**
 * A store for `createExperiments({ store: cookieStore({ secrets }) })`. The cookie holds variants by experiment id; a
 * cookie without a valid signature is ignored. The subject is ignored too: the browser stays in its variant.
 *
 * @throws ExperimentConfigError
 */
export function cookieStore(options: CookieStoreOptions): StickyStore {
  const given = checkOptions("cookieStore", options, OPTION_NAMES);
  const { name = "experiments" } = given;
  const secrets = compileSecrets("ERR_STORE", "the cookie store", given.secrets);
  if (!isCookieName(name))
    throw refuse(`the cookie's name is ${describeValue(name)}; write a token such as "experiments"`);
  const attributes = compileAttributes(given);
  const read = (exchange: HttpExchange): ReadonlyMap<string, string> =>
    written.get(exchange.request)?.get(name) ?? firstVerified(cookieValues(exchange.header("cookie"), name), secrets);
  return Object.freeze({
    get: (_: string, { id, exchange }: StickyKey) => (exchange === undefined ? undefined : read(exchange).get(id)),
    set(_: string, variant: string, { key, id, exchange }: StickyKey) {
      if (exchange === undefined) throw new Error(`there is no response to set a cookie for ${key}`);
      const others = [...read(exchange)].filter(([other]) => other !== id);
      const variants = new Map([...others, [id, variant] as const].slice(-MAX_EXPERIMENTS));
      const line = `${name}=${signed(variants, secrets[0])}${attributes}`;
      if (exchange.setCookie?.(name, line) !== true)
        throw new Error(`the response has begun, so no cookie is set for ${key}`);
      const cookies = written.get(exchange.request) ?? new Map<string, ReadonlyMap<string, string>>();
      written.set(exchange.request, cookies.set(name, variants));
    },
  });
}

function compileAttributes(options: GivenOptions<keyof CookieStoreOptions>): string {
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
  return [
    `; Max-Age=${seconds}; Path=${path}`,
    domain === undefined ? "" : `; Domain=${domain}`,
    `; SameSite=${sameSite}`,
    secure ? "; Secure" : "",
    httpOnly ? "; HttpOnly" : "",
  ].join("");
}

/** `id~variant!signature`, not encoded: ids and variants have no tilde and no exclamation mark. */
function signed(variants: ReadonlyMap<string, string>, secret: string): string {
  const text = Array.from(variants, (pair) => pair.join("~")).join("~");
  return `${text}!${sign(PURPOSE, text, secret)}`;
}

/** A service on a parent domain may set a cookie with the same name, signed with another secret. */
function firstVerified(values: readonly string[], secrets: readonly string[]): ReadonlyMap<string, string> {
  for (const value of values) {
    const variants = verified(value, secrets);
    if (variants.size > 0) return variants;
  }
  return new Map();
}

function verified(value: string, secrets: readonly string[]): ReadonlyMap<string, string> {
  const variants = new Map<string, string>();
  const [, text, signature] = (value.length > 4096 ? null : VALUE.exec(value)) ?? [];
  if (text === undefined || signature === undefined || !isSigned(PURPOSE, text, signature, secrets)) return variants;
  const names = text.split("~");
  for (let i = 0; i + 1 < names.length; i += 2) {
    const [id, variant] = [names[i], names[i + 1]];
    if (isExperimentName(id) && isExperimentName(variant)) variants.set(id, variant);
  }
  return variants;
}

function refuse(message: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_STORE", message);
}
