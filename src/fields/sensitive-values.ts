import { percentDecode } from "../baggage/percent.ts";
import type { FieldValue } from "./field.ts";

/**
 * Forms of secrets and e-mail addresses that no other text has. Each takes time linear in the text's length: a repeated
 * part shares no character with the next part, and begins where the text before it cannot be such a part.
 */
const FORMS: RegExp = new RegExp(
  [
    // RFC 7519: three parts of base64url, separated by dots. The first is a JSON object, so it begins with eyJ.
    String.raw`(?<![\w-])eyJ[\w-]*\.[\w-]+\.`,
    // An e-mail address, up to the second label of its domain.
    String.raw`[^\s@]@[^\s@,;<>()[\]".]+\.+[^\s@,;<>()[\]".]`,
    "-----BEGIN ",
    "PRIVATE KEY",
    // Keys and tokens of AWS, GitHub, GitLab, Stripe, Slack, Google and npm.
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}`,
    String.raw`\bgh[pousr]_[0-9A-Za-z]{20}`,
    String.raw`\bgithub_pat_`,
    String.raw`\bglpat-[0-9A-Za-z_-]{16}`,
    String.raw`\b[sr]k_(?:live|test)_`,
    String.raw`\bxox[a-z]-[0-9A-Za-z]`,
    String.raw`\bAIza[0-9A-Za-z_-]{30}`,
    String.raw`\bnpm_[0-9A-Za-z]{30}`,
  ].join("|"),
);

/** RFC 6750: the scheme, in any case, followed by any text. */
const BEARER = /\bbearer[\s:=]\s*\S/i;

/**
 * Whether a value, or an item of it, has the form of a secret or of an e-mail address, even if percent-encoded once more.
 * Protects against mistakes only.
 */
export function looksSensitive(value: FieldValue): boolean {
  const texts: readonly unknown[] = typeof value === "object" ? value : [value];
  return texts.some((text) => {
    if (typeof text !== "string") return false;
    if (FORMS.test(text) || BEARER.test(text)) return true;
    const decoded = text.includes("%") ? percentDecode(text) : undefined;
    return decoded !== undefined && (FORMS.test(decoded) || BEARER.test(decoded));
  });
}
