/**
 * Forced variants for manual tests: a signed token names the variants, the audience and the lifetime. A forced variant
 * travels as forced and counts in no measurement, no exposure and no conversion.
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
export type { HeaderGetter } from "../http/shapes.ts";
export type { OverrideArrival, OverrideSource } from "./source.ts";
export type { OverrideRefusal } from "./token.ts";

/** The secret, audience and lifetime of a new override. */
export interface SignOverrideOptions {
  /** At least 16 characters, known only to the services at the edge. */
  readonly secret: string;
  /** The environment where it counts, such as `staging`. */
  readonly audience: string;
  /** The lifetime: seconds, or text such as `"2h"`. Default: `"1h"`. */
  readonly expiresIn?: Duration;
}

/** The overrides that a service accepts, and the places where it looks for them. */
export interface AcceptOverridesOptions {
  /** One secret or several; any of them may have signed. To rotate, put the new one before the old one. */
  readonly secrets: string | readonly string[];
  /** The audience that the token must name. */
  readonly audience: string;
  /** Default: the header `x-experiment-override`. */
  readonly from?: {
    readonly header?: string;
    readonly cookie?: string;
    readonly query?: string;
  };
  /** The longest lifetime of an accepted token, from its signing. Default: `"1d"`. */
  readonly maxLifetime?: Duration;
}

const DEFAULT_HEADER = "x-experiment-override";
const MAX_EXPERIMENTS = 32;

/**
 * Signs an override: `signOverride({ checkout: "express" }, { secret, audience: "staging", expiresIn: "2h" })`.
 *
 * @returns a token that needs no encoding in a header, a cookie or a query
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
  throw refuse(
    `the override has ${token.length} characters, and at most ${MAX_TOKEN_LENGTH} are read; force fewer experiments`,
  );
}

/**
 * Accepts overrides at the edge: `createExperiments({ …, overrides: acceptOverrides({ secrets, audience: "staging" }) })`.
 * A token of a trusted caller does not count: such a caller sends forced variants in the baggage.
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

/** The order of the places is header, query, cookie. The first one that has a token counts. */
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
      // A proxy may empty a header instead of removing it.
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
  throw refuse(
    `the audience is ${describeValue(audience)}; name the environment where the override counts, such as "staging"`,
  );
}

function refuse(message: string): ExperimentConfigError {
  return new ExperimentConfigError("ERR_OVERRIDE", message);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
