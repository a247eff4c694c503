import { isExperimentKey, isExperimentName } from "../assignment/names.ts";
import { isSigned, sign } from "../checks/signature.ts";

/** The signed content of a token. */
export interface OverrideClaims {
  /** Variant by experiment key. */
  readonly variants: ReadonlyMap<string, string>;
  /** The environment where the override counts, such as `staging`. */
  readonly audience: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** The reason why a token does not count. */
export type OverrideRefusal = "malformed" | "tampered" | "expired" | "audience" | "lifetime";

/** In characters. Limits the work that untrusted input can cause. */
export const MAX_TOKEN_LENGTH = 4096;
/** Allowed difference between the clocks of two machines. */
const CLOCK_SKEW_S = 60;
/** Signed with the claims, so that a signature is valid for no other purpose and no other version of the format. */
const PURPOSE = "otel-experiments override v1";
const TOKEN = /^v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/** Whether a text may be an override token. Such a token is valid for every holder. */
export function isTokenShaped(text: string): boolean {
  return TOKEN.test(text);
}

/** `v1.<claims>.<signature>`, both in base64url; the signature is HMAC-SHA-256 (RFC 2104) over purpose and claims. */
export function signToken({ variants, audience, issuedAt, expiresAt }: OverrideClaims, secret: string): string {
  const json = JSON.stringify({ aud: audience, iat: issuedAt, exp: expiresAt, variants: [...variants] });
  const claims = Buffer.from(json).toString("base64url");
  return `v1.${claims}.${sign(PURPOSE, claims, secret)}`;
}

/** The conditions that a token must meet. */
export interface TokenDemands {
  /** Any of them may have signed, so that a secret can be rotated. */
  readonly secrets: readonly string[];
  readonly audience: string;
  /** The longest time from issue to expiry, in seconds. */
  readonly maxLifetime: number;
  /** Seconds since 1970. */
  readonly now: number;
}

/** The claims of a valid token, or why it does not count. The signature is checked before the claims are read. */
export function verifyToken(token: string, demands: TokenDemands): OverrideClaims | OverrideRefusal {
  const read = readToken(token, demands.secrets);
  return typeof read === "string" ? read : (refusalOf(read, demands) ?? read);
}

/** The claims of a token that one of the secrets signed, valid or not. */
export function readToken(token: string, secrets: readonly string[]): OverrideClaims | "malformed" | "tampered" {
  const [, claims, signature] = (token.length <= MAX_TOKEN_LENGTH ? TOKEN.exec(token) : null) ?? [];
  if (claims === undefined || signature === undefined) return "malformed";
  if (!isSigned(PURPOSE, claims, signature, secrets)) return "tampered";
  return claimsOf(claims) ?? "malformed";
}

/** Why signed claims do not count; undefined if they do. */
export function refusalOf(
  { audience, issuedAt, expiresAt }: OverrideClaims,
  demands: Omit<TokenDemands, "secrets">,
): OverrideRefusal | undefined {
  if (audience !== demands.audience) return "audience";
  if (expiresAt <= demands.now) return "expired";
  if (expiresAt - issuedAt > demands.maxLifetime || issuedAt > demands.now + CLOCK_SKEW_S) return "lifetime";
  return undefined;
}

function claimsOf(encoded: string): OverrideClaims | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(encoded, "base64url").toString());
    if (typeof json !== "object" || json === null) return undefined;
    const { aud, iat, exp, variants }: Readonly<Record<"aud" | "iat" | "exp" | "variants", unknown>> = {
      aud: undefined,
      iat: undefined,
      exp: undefined,
      variants: undefined,
      ...json,
    };
    if (typeof aud !== "string" || !Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined;
    if (!Array.isArray(variants) || !variants.every(isVariantPair)) return undefined;
    return { audience: aud, issuedAt: Number(iat), expiresAt: Number(exp), variants: new Map(variants) };
  } catch {
    // A signed text that is no JSON. It would need another version with the same purpose, which cannot exist.
    return undefined;
  }
}

function isVariantPair(pair: unknown): pair is [string, string] {
  return Array.isArray(pair) && pair.length === 2 && isExperimentKey(pair[0]) && isExperimentName(pair[1]);
}
