import { ExperimentConfigError } from "../checks/errors.ts";

/** Whether a whole text matches. */
export type WholeMatch = (text: string) => boolean;

const ESCAPE = String.raw`\\(?:[dDsSwW]|[^\da-zA-Z])`;

/**
 * A character, an escape or a class, with its count. It names no character beyond U+FFFF, so that to a piece all of those
 * are alike.
 */
const PIECE = new RegExp(
  String.raw`(\[(?:${ESCAPE}|[^\\\]\ud800-\udfff])*\]|${ESCAPE}|[^\\^$*+?()[\]{}|\ud800-\udfff])([*+?]|\{\d+(?:,\d*)?\})?`,
  "gy",
);

const FIXED = /^(?:\{\d+\})?$/;
const MAY_BE_NONE = /^(?:[*?]|\{0+[,}])/;

/**
 * A pattern as a sequence of pieces, each one character or class with a count. Each piece reads as many characters as it
 * can, and none is read again.
 *
 * Linear: a piece is one sticky expression of one class. Nothing stands behind the class that could fail, so the engine
 * never gives back a character. A text costs at most its length and one more test for each piece.
 *
 * Right: a piece whose count is not fixed shares no character with those that may come next, up to the first that must
 * come. So where it could read one character more, no other piece can read that character, and there is one way to match.
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
    throw refuse(`the flags ${flags}`, "write none but u, and [Aa] for a of either case");
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
          `${piece.text} before ${next.text}, which share characters, so that it is open where the first one ends`,
          "give the first one a fixed count, as in [a-z][a-z0-9]*, or let them share none",
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

/** Made when it is first needed: milliseconds of work that a service without patterns does not do. */
let everyCharacter: string | undefined;

/** The engine itself says so, asked of each code unit. With `u`, two of them make U+10FC00, which stands for all beyond U+FFFF. */
function shareCharacters(one: string, other: string, flags: string): boolean {
  everyCharacter ??= Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code)).join("");
  return new RegExp(`(?=${one})${other}`, flags).test(everyCharacter);
}
