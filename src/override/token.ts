import { isExperimentKey, isExperimentName } from "../assignment/names.ts";
import { isSigned, sign } from "../checks/signature.ts";

/** What is signed. */
export interface OverrideClaims {
  /** Variant by experiment key. */
  readonly variants: ReadonlyMap<string, string>;
  /** Where the override counts, such as `staging`. */
  readonly audience: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Why a token does not count. */
export type OverrideRefusal = "malformed" | "tampered" | "expired" | "audience" | "lifetime";

/** Limits the work that a stranger's text can cause. */
export const MAX_TOKEN_LENGTH = 4096;
/** Clocks of two machines differ. */
const CLOCK_SKEW_S = 60;
/** Says what is signed, so that the same secret signs nothing else by accident; with the format's version. */
const PURPOSE = "otel-experiments override v1";
const TOKEN = /^v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/** Whether a text may be an override, which is good for whoever holds it. */
export function isTokenShaped(text: string): boolean {
  return TOKEN.test(text);
}

/** `v1.<claims>.<signature>`, both in base64url; the signature is HMAC-SHA-256 (RFC 2104) over purpose and claims. */
export function signToken({ variants, audience, issuedAt, expiresAt }: OverrideClaims, secret: string): string {
  const json = JSON.stringify({ aud: audience, iat: issuedAt, exp: expiresAt, variants: [...variants] });
  const claims = Buffer.from(json).toString("base64url");
  return `v1.${claims}.${sign(PURPOSE, claims, secret)}`;
}

/** What a verifier demands. */
export interface TokenDemands {
  /** Any of them may have signed, so that a new secret can be put in front of the old one. */
  readonly secrets: readonly string[];
  readonly audience: string;
  /** The longest time from issue to expiry, in seconds. */
  readonly maxLifetime: number;
  /** Seconds since 1970. */
  readonly now: number;
}

/** The claims of a token that counts, or why it does not. Nothing of it is read before its signature is checked. */
export function verifyToken(token: string, demands: TokenDemands): OverrideClaims | OverrideRefusal {
  const [, claims, signature] = (token.length <= MAX_TOKEN_LENGTH ? TOKEN.exec(token) : null) ?? [];
  if (claims === undefined || signature === undefined) return "malformed";
  if (!isSigned(PURPOSE, claims, signature, demands.secrets)) return "tampered";
  const parsed = claimsOf(claims);
  if (parsed === undefined) return "malformed";
  const { audience, issuedAt, expiresAt } = parsed;
  if (audience !== demands.audience) return "audience";
  if (expiresAt <= demands.now) return "expired";
  if (expiresAt - issuedAt > demands.maxLifetime || issuedAt > demands.now + CLOCK_SKEW_S) return "lifetime";
  return parsed;
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
    // Signed by us and yet no JSON: by another version with the same purpose, which cannot be.
    return undefined;
  }
}

function isVariantPair(pair: unknown): pair is [string, string] {
  return Array.isArray(pair) && pair.length === 2 && isExperimentKey(pair[0]) && isExperimentName(pair[1]);
}
