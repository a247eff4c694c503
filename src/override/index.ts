/**
 * Forced variants for tests by hand: a signed token says which, for whom and how long. What it forces travels as forced
 * and counts in no measurement, no exposure and no conversion.
 */
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE } from "../assignment/names.ts";
import { describeValue } from "../checks/describe-value.ts";
import { DURATION_RULE, type Duration, secondsOf } from "../checks/duration.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";
import { compileSecrets } from "../checks/secrets.ts";
import { cookieValues, isCookieName } from "../http/cookies.ts";
import type { OverrideArrival, OverrideSource } from "./source.ts";
import { MAX_TOKEN_LENGTH, signToken, verifyToken } from "./token.ts";

export type { Duration } from "../checks/duration.ts";
export type { OverrideArrival, OverrideSource } from "./source.ts";
export type { OverrideRefusal } from "./token.ts";

/** How an override is signed. */
export interface SignOverrideOptions {
  /** At least 16 characters, known to the services at the edge alone. */
  readonly secret: string;
  /** Where it counts, such as `staging`. */
  readonly audience: string;
  /** How long it counts: seconds, or text such as `"2h"`. Default: `"1h"`. */
  readonly expiresIn?: Duration;
}

/** Which overrides a service accepts, and where it looks for them. */
export interface AcceptOverridesOptions {
  /** One secret, or several: any of them may have signed, so that a new one is put in front of the old one. */
  readonly secrets: string | readonly string[];
  /** What the token must name. */
  readonly audience: string;
  /** Default: the header `x-experiment-override`. */
  readonly from?: {
    readonly header?: string;
    readonly cookie?: string;
    readonly query?: string;
  };
  /** The longest life of a token that is accepted, from when it was signed. Default: `"1d"`. */
  readonly maxLifetime?: Duration;
}

const DEFAULT_HEADER = "x-experiment-override";
const MAX_EXPERIMENTS = 32;

/**
 * Signs an override: `signOverride({ checkout: "express" }, { secret, audience: "staging", expiresIn: "2h" })`.
 *
 * @returns a token that can stand in a header, a cookie and a query as it is
 * @throws ExperimentConfigError
 */
export function signOverride(variants: Readonly<Record<string, string>>, options: SignOverrideOptions): string {
  const {
    secret,
    audience,
    expiresIn = "1h",
  } = checkOptions("signOverride", options, ["secret", "audience", "expiresIn"]);
  const entries: readonly (readonly [string, unknown])[] =
    typeof variants === "object" && variants !== null ? Object.entries(variants) : [];
  if (entries.length === 0 || entries.length > MAX_EXPERIMENTS) {
    throw refuse(`an override forces 1 to ${MAX_EXPERIMENTS} experiments; write { checkout: "express" }`);
  }
  const forced = new Map<string, string>();
  for (const [key, variant] of entries) {
    if (!isExperimentKey(key)) throw refuse(`the override's key ${describeValue(key)} is not ${KEY_RULE}`);
    if (!isExperimentName(variant))
      throw refuse(`the override's variant ${describeValue(variant)} is not ${NAME_RULE}`);
    forced.set(key, variant);
  }
  const lifetime = secondsOf(expiresIn);
  if (lifetime === undefined) throw refuse(`expiresIn is ${describeValue(expiresIn)}; write ${DURATION_RULE}`);
  const issuedAt = now();
  const claims = { variants: forced, audience: checkAudience(audience), issuedAt, expiresAt: issuedAt + lifetime };
  const [key] = compileSecrets("ERR_OVERRIDE", "overrides", [secret]);
  const token = signToken(claims, key);
  if (token.length <= MAX_TOKEN_LENGTH) return token;
  throw refuse(`the override takes ${token.length} characters, of which ${MAX_TOKEN_LENGTH} are read; force fewer`);
}

/**
 * Accepts overrides at the edge: `createExperiments({ …, overrides: acceptOverrides({ secrets, audience: "staging" }) })`.
 * A caller that is trusted sends its forced variants in the baggage; from it no token is taken.
 *
 * @throws ExperimentConfigError
 */
export function acceptOverrides(options: AcceptOverridesOptions): OverrideSource {
  const given = checkOptions("acceptOverrides", options, ["secrets", "audience", "from", "maxLifetime"]);
  const { from = { header: DEFAULT_HEADER }, maxLifetime: longest = "1d" } = given;
  const secrets = compileSecrets("ERR_OVERRIDE", "overrides", given.secrets);
  const audience = checkAudience(given.audience);
  const maxLifetime = secondsOf(longest);
  if (maxLifetime === undefined) throw refuse(`maxLifetime is ${describeValue(longest)}; write ${DURATION_RULE}`);
  const find = compilePlaces(from);
  return Object.freeze({
    read(arrival: OverrideArrival) {
      const token = find(arrival);
      if (token === undefined) return undefined;
      const claims = verifyToken(token, { secrets, audience, maxLifetime, now: now() });
      return typeof claims === "string" ? claims : claims.variants;
    },
  });
}

type Place = (arrival: OverrideArrival) => string | undefined;

/** The first place that has a token counts: the header, then the query, then the cookie. */
function compilePlaces(from: unknown): Place {
  const { header, cookie, query } = checkOptions("from", from, ["header", "cookie", "query"]);
  const places: Place[] = [];
  if (header !== undefined) {
    if (!isCookieName(header)) throw refuse(`from.header is ${describeValue(header)}; write a header's name`);
    const name = header.toLowerCase();
    places.push((arrival) => {
      const value = arrival.header(name);
      return typeof value === "object" ? value[0] : value;
    });
  }
  if (query !== undefined) {
    if (typeof query !== "string" || query === "")
      throw refuse(`from.query is ${describeValue(query)}; write a parameter's name`);
    places.push(({ url }) => queryParameter(url, query));
  }
  if (cookie !== undefined) {
    if (!isCookieName(cookie)) throw refuse(`from.cookie is ${describeValue(cookie)}; write a cookie's name`);
    places.push((arrival) => cookieValues(arrival.header("cookie"), cookie)[0]);
  }
  if (places.length === 0)
    throw refuse('from names no place; write { header: "x-experiment-override" }, cookie or query');
  return (arrival) => {
    for (const place of places) {
      const token = place(arrival);
      // A proxy may clear a header that it does not let through.
      if (token !== undefined && token !== "") return token;
    }
    return undefined;
  };
}

function queryParameter(url: string | undefined, name: string): string | undefined {
  const start = url?.indexOf("?") ?? -1;
  if (url === undefined || start === -1 || !url.includes(name, start)) return undefined;
  return new URLSearchParams(url.slice(start + 1)).get(name) ?? undefined;
}

function checkAudience(audience: unknown): string {
  if (typeof audience === "string" && audience !== "" && audience.length <= 64) return audience;
  throw refuse(`the audience is ${describeValue(audience)}; name where the override counts, such as "staging"`);
}

function refuse(message: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_OVERRIDE", message);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
