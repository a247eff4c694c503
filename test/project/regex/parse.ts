/** A regular expression as a tree. Groups are gone, and so is whether a count is greedy: neither changes what is tried. */
export type Expression =
  /** One character: itself, an escape or a class. */
  | { readonly kind: "one"; readonly source: string }
  | { readonly kind: "all"; readonly parts: readonly Expression[] }
  | { readonly kind: "either"; readonly parts: readonly Expression[] }
  | { readonly kind: "repeat"; readonly part: Expression; readonly least: number; readonly most: number }
  /** `^`; then `$`, `\b` and `\B`, which only say that the match may fail here. */
  | { readonly kind: "start" }
  | { readonly kind: "check" }
  | { readonly kind: "ahead"; readonly part: Expression }
  | { readonly kind: "behind"; readonly part: Expression; readonly isNot: boolean };

const TOKEN =
  /\(\?<?[:=!]|\(|\)|\||\[(?:\\.|[^\]\\])*\]|\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|[pPu]\{[^}]*\}|.)|\{\d+(?:,\d*)?\}\??|[*+?]\??|[^]/gs;

/** @throws Error for what is not read here: names of groups, references to groups */
export function parseExpression(source: string): Expression {
  const tokens = source.match(TOKEN) ?? [];
  let at = 0;

  function either(): Expression {
    const parts = [all()];
    while (tokens[at] === "|") {
      at++;
      parts.push(all());
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "either", parts };
  }

  function all(): Expression {
    const parts: Expression[] = [];
    for (let token = tokens[at]; token !== undefined && token !== "|" && token !== ")"; token = tokens[at]) {
      at++;
      const count = countOf(token);
      const last = count === undefined ? undefined : parts.pop();
      parts.push(last === undefined || count === undefined ? atom(token) : { kind: "repeat", part: last, ...count });
    }
    return { kind: "all", parts };
  }

  function atom(token: string): Expression {
    if (token.startsWith("(")) {
      const part = either();
      if (tokens[at++] !== ")") throw new Error(`a group of ${source} does not end`);
      if (token === "(?=" || token === "(?!") return { kind: "ahead", part };
      if (token === "(?<=" || token === "(?<!") return { kind: "behind", part, isNot: token.endsWith("!") };
      if (token === "(" || token === "(?:") return part;
    }
    if (token === "^") return { kind: "start" };
    if (token === "$" || token === "\\b" || token === "\\B") return { kind: "check" };
    if (/^\\[1-9k]/.test(token) || token.startsWith("(")) throw new Error(`${token} of ${source} is not understood`);
    return { kind: "one", source: token };
  }

  const whole = either();
  if (at < tokens.length) throw new Error(`${source} goes on after its end`);
  return whole;
}

function countOf(token: string): { readonly least: number; readonly most: number } | undefined {
  if (/^\*\??$/.test(token)) return { least: 0, most: Number.POSITIVE_INFINITY };
  if (/^\+\??$/.test(token)) return { least: 1, most: Number.POSITIVE_INFINITY };
  if (/^\?\??$/.test(token)) return { least: 0, most: 1 };
  const [, least, comma, most = ""] = /^\{(\d+)(,(\d*))?\}\??$/.exec(token) ?? [];
  if (least === undefined) return undefined;
  const end = most === "" ? Number.POSITIVE_INFINITY : Number(most);
  return { least: Number(least), most: comma === undefined ? Number(least) : end };
}
