import { percentDecode } from "../baggage/percent.ts";
import type { FieldValue } from "./field.ts";

/**
 * Forms that nothing else has. Each is read in time with the text's length: where a part repeats, it shares no character
 * with the next part, and it begins where the text before cannot be such a part too.
 */
const FORMS: RegExp = new RegExp(
  [
    // RFC 7519: three parts of base64url with dots between them. The first is a JSON object, so it begins with eyJ.
    String.raw`(?<![\w-])eyJ[\w-]*\.[\w-]+\.`,
    // An e-mail address, as far as the second label of its domain.
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

/** RFC 6750: the scheme, in any case, and something behind it. */
const BEARER = /\bbearer[\s:=]\s*\S/i;

/**
 * Whether a value, or an item of it, has the form of a secret or of an e-mail address, also once more percent-encoded.
 * A guard against mistakes.
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
