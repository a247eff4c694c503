import { ExperimentConfigError } from "../checks/errors.ts";

/**
 * Whether a whole text matches a regular expression, by an automaton that reads each code point once: its cost is at
 * most the text's length times the number of the pattern's atoms. The engine's own matching goes back, and can be made
 * to take longer than anybody waits by a text of 40 characters.
 */
export type WholeMatch = (text: string) => boolean;

/** Atoms and alternatives of a pattern, each repetition counted: `[a-z]{3}` is three. */
const MAX_ATOMS = 1024;

/** A thing that one code point either is or is not; or where the automaton goes without reading any. */
interface State {
  readonly matches: ((char: string) => boolean) | undefined;
  readonly next: State[];
  /** The step in which it was reached last. */
  reached: number;
}

function stateOf(matches: State["matches"], next: State[]): State {
  return { matches, next, reached: 0 };
}

/** A piece of the automaton: how to make it, any number of times. */
type Piece = (end: State) => State;

/** @throws ExperimentConfigError for what such an automaton cannot do */
export function compilePattern(where: string, pattern: RegExp): WholeMatch {
  const flags = pattern.flags.replaceAll(/[gdy]/g, "");
  if (/[^isu]/.test(flags)) throw refusal(where, pattern, `the flag ${flags.replaceAll(/[isu]/g, "")}`);
  const end = stateOf(undefined, []);
  const start = new PatternParser(where, pattern, flags).parse()(end);
  return automaton(start, end, flags.includes("u"));
}

function automaton(start: State, end: State, isUnicode: boolean): WholeMatch {
  let step = 0;
  const pending: State[] = [];
  /** Adds what reads the next character, of all that is reached without reading. Each state once a step. */
  const reach = (from: State, active: State[]): void => {
    pending.push(from);
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (state.reached === step) continue;
      state.reached = step;
      if (state.matches === undefined) for (const each of state.next) pending.push(each);
      else active.push(state);
    }
  };
  return (text) => {
    let active: State[] = [];
    step++;
    reach(start, active);
    for (let at = 0; at < text.length; ) {
      const char = isUnicode ? String.fromCodePoint(text.codePointAt(at) ?? 0) : text.charAt(at);
      at += char.length;
      step++;
      const reached: State[] = [];
      for (const { matches, next } of active) {
        if (matches?.(char) === true) for (const state of next) reach(state, reached);
      }
      active = reached;
      if (active.length === 0 && end.reached !== step) return false;
    }
    return end.reached === step;
  };
}

function refusal(where: string, pattern: RegExp, what: string): ExperimentConfigError {
  return new ExperimentConfigError(
    "ERR_FIELD",
    `${where}: the pattern ${String(pattern)} has ${what}, which cannot be matched in bounded time; write it with classes, groups, alternatives and quantifiers alone`,
  );
}

class PatternParser {
  readonly #where: string;
  readonly #pattern: RegExp;
  readonly #source: string;
  readonly #flags: string;
  #at = 0;
  #atoms = 0;

  constructor(where: string, pattern: RegExp, flags: string) {
    this.#where = where;
    this.#pattern = pattern;
    this.#source = pattern.source === "(?:)" ? "" : pattern.source;
    this.#flags = flags;
  }

  /** The engine has parsed it already, so that it is well-formed. */
  parse(): Piece {
    const piece = this.#alternatives(true);
    if (this.#at < this.#source.length) throw this.#refuse(`a ${this.#source.charAt(this.#at)} of its own`);
    return piece;
  }

  #refuse(what: string): ExperimentConfigError {
    return refusal(this.#where, this.#pattern, what);
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #alternatives(isOutermost: boolean): Piece {
    const choices: Piece[] = [];
    do choices.push(this.#sequence(isOutermost));
    while (this.#take("|"));
    const [only, ...others] = choices;
    if (only !== undefined && others.length === 0) return only;
    this.#atoms += choices.length;
    return (end) =>
      stateOf(
        undefined,
        choices.map((choice) => choice(end)),
      );
  }

  #sequence(isOutermost: boolean): Piece {
    const pieces: Piece[] = [];
    // The whole text is matched in any case.
    if (isOutermost) this.#take("^");
    while (this.#at < this.#source.length && !"|)".includes(this.#source.charAt(this.#at))) {
      if (isOutermost && this.#endsHere()) break;
      pieces.push(this.#quantified());
    }
    return (end) => pieces.reduceRight((rest, piece) => piece(rest), end);
  }

  #endsHere(): boolean {
    const rest = this.#source.slice(this.#at, this.#at + 2);
    if (rest !== "$" && rest !== "$|") return false;
    this.#at++;
    return true;
  }

  #quantified(): Piece {
    const before = this.#atoms;
    const piece = this.#atom();
    const [min, max] = this.#quantifier() ?? [1, 1];
    const size = Math.max(this.#atoms - before, 1);
    // Without an upper bound, one more is repeated in place.
    const copies = max === Infinity ? min + 1 : max;
    this.#atoms = before + size * copies;
    if (this.#atoms > MAX_ATOMS) throw this.#refuse(`more than ${MAX_ATOMS} atoms`);
    return (end) => repeat(piece, min, max, end);
  }

  #quantifier(): readonly [min: number, max: number] | undefined {
    const [text, from, comma, to] = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(this.#source.slice(this.#at)) ?? [];
    if (text === undefined) return undefined;
    this.#at += text.length;
    this.#take("?"); // Lazy or not, a whole match is one.
    if (text === "*") return [0, Infinity];
    if (text === "+") return [1, Infinity];
    if (text === "?") return [0, 1];
    const min = Number(from);
    return [min, comma === "" ? min : to === "" ? Infinity : Number(to)];
  }

  #atom(): Piece {
    if (this.#take("(")) return this.#group();
    const char = this.#source.charAt(this.#at);
    if (char === "^" || char === "$") throw this.#refuse(`a ${char} within it`);
    const source = char === "[" ? this.#classSource() : char === "\\" ? this.#escapeSource() : this.#charSource();
    this.#at += source.length;
    this.#atoms++;
    const matches = testOf(source, this.#flags);
    return (end) => stateOf(matches, [end]);
  }

  #group(): Piece {
    if (!this.#take("?:")) {
      if (this.#source.startsWith("?<", this.#at) && !/^\?<[=!]/.test(this.#source.slice(this.#at))) {
        this.#at = this.#source.indexOf(">", this.#at) + 1;
      } else if (this.#source.startsWith("?", this.#at)) throw this.#refuse("look-around, or flags within it");
    }
    const piece = this.#alternatives(false);
    this.#take(")");
    return piece;
  }

  #charSource(): string {
    const code = this.#flags.includes("u") ? this.#source.codePointAt(this.#at) : this.#source.charCodeAt(this.#at);
    return String.fromCodePoint(code ?? 0);
  }

  #classSource(): string {
    let end = this.#at + 1;
    while (this.#source.charAt(end) !== "]") end += this.#source.charAt(end) === "\\" ? 2 : 1;
    return this.#source.slice(this.#at, end + 1);
  }

  #escapeSource(): string {
    const rest = this.#source.slice(this.#at);
    if (/^\\[bB]/.test(rest)) throw this.#refuse("a word boundary");
    if (/^\\(?:[1-9]|k<)/.test(rest)) throw this.#refuse("a back-reference");
    const isUnicode = this.#flags.includes("u");
    const form = isUnicode
      ? /^\\(?:u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u.{4}|x..|c.|[pP]\{[^}]*\}|0|.)/u
      : /^\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[a-zA-Z]|0[0-7]{0,2}|[^])/;
    return form.exec(rest)?.[0] ?? rest;
  }
}

/** Made from the end, each copy before the next one. */
function repeat(piece: Piece, min: number, max: number, end: State): State {
  let rest = end;
  if (max === Infinity) {
    const again = stateOf(undefined, [end]);
    again.next.push(piece(again));
    rest = again;
  } else {
    for (let i = min; i < max; i++) rest = stateOf(undefined, [end, piece(rest)]);
  }
  for (let i = 0; i < min; i++) rest = piece(rest);
  return rest;
}

/** The engine says what an atom matches; of ASCII it is asked once. */
function testOf(source: string, flags: string): (char: string) => boolean {
  const atom = new RegExp(`^(?:${source})$`, flags);
  const ascii = Array.from({ length: 128 }, (_, code) => atom.test(String.fromCharCode(code)));
  return (char) => {
    const code = char.charCodeAt(0);
    return code < 128 ? ascii[code] === true : atom.test(char);
  };
}
