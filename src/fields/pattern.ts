import { ExperimentConfigError } from "../checks/errors.ts";

/** Whether a whole text matches. */
export type WholeMatch = (text: string) => boolean;

const ESCAPE = String.raw`\\(?:[dDsSwW]|[^\da-zA-Z])`;

/**
 * A character, an escape or a class, with its count. It names no character beyond U+FFFF, so a piece treats all of those
 * alike.
 */
const PIECE = new RegExp(
  String.raw`(\[(?:${ESCAPE}|[^\\\]\ud800-\udfff])*\]|${ESCAPE}|[^\\^$*+?()[\]{}|\ud800-\udfff])([*+?]|\{\d+(?:,\d*)?\})?`,
  "gy",
);

const FIXED = /^(?:\{\d+\})?$/;
const MAY_BE_NONE = /^(?:[*?]|\{0+[,}])/;

/**
 * Compiles a pattern to a sequence of pieces, each one character or class with a count. Each piece reads as many
 * characters as it can; no character is read again.
 *
 * Linear: a piece is one sticky expression of one class. Nothing after the class can fail, so the engine never
 * backtracks. A text costs at most its length and one more test for each piece.
 *
 * Correct: a piece without a fixed count shares no character with the pieces that may come next, up to the first that
 * must come. So if it can read one more character, no other piece can read that character: there is one way to match.
 *
 * @throws ExperimentConfigError for any other pattern
 */
export function compilePattern(where: string, pattern: RegExp): WholeMatch {
  const refuse = (what: string, instead: string): ExperimentConfigError =>
    new ExperimentConfigError(
      "ERR_FIELD",
      `${where}: the pattern ${String(pattern)} has ${what}; a pattern is a sequence of characters, escapes such as \\d and \\., and classes such as [a-z], each with ?, *, +, {2} or {2,5} where needed; ${instead}`,
    );
  const { source, flags } = pattern;
  if (flags !== "" && flags !== "u")
    throw refuse(`the flags ${flags}`, "write no flag but u, and [Aa] for a letter in either case");
  const body = source.replace(/^\^/, "");
  const rest = body.replace(PIECE, "");
  if (rest !== "" && rest !== "$") {
    throw refuse(`${rest} in it`, "write [ab] for (a|b), oneOf(…) for a few whole texts, and \\( for the character (");
  }
  const pieces = Array.from(body.matchAll(PIECE), ([text, character = "", count = ""]) => ({ text, character, count }));
  for (const [i, piece] of pieces.entries()) {
    if (FIXED.test(piece.count)) continue;
    for (const next of pieces.slice(i + 1)) {
      if (shareCharacters(piece.character, next.character, flags)) {
        throw refuse(
          `${piece.text} before ${next.text}, which share characters, so the end of the first one is ambiguous`,
          "give the first one a fixed count, as in [a-z][a-z0-9]*, or classes that share no character",
        );
      }
      if (!MAY_BE_NONE.test(next.count)) break;
    }
  }
  const readers = pieces.map(({ text }) => new RegExp(text, `${flags}y`));
  return (text) => {
    let at = 0;
    for (const reader of readers) {
      reader.lastIndex = at;
      if (!reader.test(text)) return false;
      at = reader.lastIndex;
    }
    return at === text.length;
  };
}

/** Made on first use: it costs milliseconds, and a service without patterns does not need it. */
let everyCharacter: string | undefined;

/**
 * The regular expression engine decides, for each code unit. With `u`, two code units make U+10FC00, which represents all
 * characters beyond U+FFFF.
 */
function shareCharacters(one: string, other: string, flags: string): boolean {
  everyCharacter ??= Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code)).join("");
  return new RegExp(`(?=${one})${other}`, flags).test(everyCharacter);
}
