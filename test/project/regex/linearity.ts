import { type Expression, parseExpression } from "./parse.ts";

/**
 * Why an expression may take more than linear time for a text that it does not match; undefined if it cannot.
 *
 * The expression is read as an automaton of characters. Time is polynomial if a text can be read in two places of it at
 * once, each of which can start over, and the first of which leads to the second: then each repetition of the text may be
 * where the one ends and the other begins (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991). The
 * search for the beginning of a match is such a place. Time is exponential if there are two ways from a place back to
 * itself. A count with an end, such as `{1,64}`, is cut short: it multiplies the time by a constant.
 */
export function superlinear(expression: RegExp): string | undefined {
  const automaton = new Automaton(expression);
  return automaton.doubleWay() ?? automaton.doublePlace();
}

/** The characters by which classes are told apart: all of one byte, and some of each kind of others. */
const SAMPLES = Array.from({ length: 256 }, (_, code) => code)
  .concat(0x100, 0x131, 0x17f, 0x180e, 0x2028, 0x212a, 0x3000, 0x4e2d, 0xd83d, 0xfeff, 0xffff)
  .map((code) => String.fromCharCode(code));

const ANY: readonly boolean[] = SAMPLES.map(() => true);

/** One character of the expression. */
interface Place {
  readonly source: string;
  readonly takes: readonly boolean[];
  readonly next: Way[];
  /** Whether the whole expression matches once this character is read. */
  ends: boolean;
}

/** A way to a place. `after` says which characters may stand before, if the expression looks behind. */
interface Way {
  readonly to: number;
  readonly after: readonly boolean[] | undefined;
}

/** What is to be read next, in reverse: the rest of the expression. */
type Rest = { readonly part: Expression; readonly rest: Rest } | Loop | typeof END | typeof FAIL;
interface Loop {
  readonly loop: Expression;
  readonly rest: Rest;
}
const END = "end";
/** The end of what is looked ahead at: it may fail. */
const FAIL = "fail";

class Automaton {
  readonly #flags: string;
  readonly #places: Place[] = [];
  readonly #isSearching: boolean;
  readonly #memo = new Map<string, number>();
  readonly #ids = new Map<object, number>();
  readonly #pending: (() => void)[] = [];
  #classes: readonly number[] = [];
  #emptyLoop = false;

  constructor({ source, flags }: RegExp) {
    if (flags.includes("m") || flags.includes("v")) throw new Error(`the flags ${flags} are not understood`);
    this.#flags = flags.replace(/[gyd]/g, "");
    this.#isSearching = !flags.includes("y");
    const whole = parseExpression(source);
    const search: Place = { source: "(search)", takes: ANY, next: [], ends: false };
    this.#places.push(search);
    if (this.#isSearching) {
      search.next.push({ to: 0, after: undefined });
      this.#follow(search, { part: whole, rest: END }, false, undefined, []);
    }
    // From the beginning of the text, which nothing leads back to.
    const first: Place = { source: "(start)", takes: SAMPLES.map(() => false), next: [], ends: false };
    this.#places.push(first);
    if (this.#isSearching) first.next.push({ to: 0, after: undefined });
    this.#follow(first, { part: whole, rest: END }, true, undefined, []);
    for (let act = this.#pending.pop(); act !== undefined; act = this.#pending.pop()) act();
    this.#classes = this.#distinct();
  }

  /** Adds the ways from a place through what may be empty. A loop that is met again without a character is empty. */
  #follow(
    from: Place,
    rest: Rest,
    isAtStart: boolean,
    after: readonly boolean[] | undefined,
    passed: readonly object[],
  ): void {
    if (rest === END) {
      from.ends ||= after === undefined;
      return;
    }
    if (rest === FAIL) return;
    if ("loop" in rest) {
      if (passed.includes(rest)) {
        this.#emptyLoop = true;
        return;
      }
      this.#follow(from, rest.rest, isAtStart, after, passed);
      this.#follow(from, { part: rest.loop, rest }, isAtStart, after, [...passed, rest]);
      return;
    }
    const { part, rest: behind } = rest;
    const go = (next: Rest, mask?: readonly boolean[]): void =>
      this.#follow(from, next, isAtStart, mask?.map((may, i) => may && after?.[i] !== false) ?? after, passed);
    switch (part.kind) {
      case "one":
        from.next.push({ to: this.#placeOf(part, behind), after });
        break;
      case "all":
        go(part.parts.reduceRight<Rest>((then, each) => this.#restOf(each, then), behind));
        break;
      case "either":
        for (const each of part.parts) go(this.#restOf(each, behind));
        break;
      case "repeat":
        for (const each of this.#repeated(part, behind)) go(each);
        break;
      case "start":
        if (isAtStart) go(behind);
        break;
      case "check":
        go(behind, ANY);
        break;
      case "ahead":
        go(this.#restOf(part.part, FAIL));
        go(behind, ANY);
        break;
      case "behind":
        go(behind, this.#behind(part.part, part.isNot));
        break;
    }
  }

  readonly #rests = new Map<Expression, Map<Rest, Rest>>();

  /** The same object for the same rest, so that there is one place for each character. */
  #restOf(part: Expression, rest: Rest): Rest {
    const known = this.#rests.get(part) ?? new Map<Rest, Rest>();
    this.#rests.set(part, known);
    const made = known.get(rest) ?? { part, rest };
    known.set(rest, made);
    return made;
  }

  /** What a count may go on with: one copy and the rest of the count, or nothing more of it. */
  #repeated({ part, least, most }: Extract<Expression, { kind: "repeat" }>, behind: Rest): readonly Rest[] {
    if (most === 0) return [behind];
    const isEndless = most === Number.POSITIVE_INFINITY;
    if (isEndless && least === 0) return [this.#loopOf(part, behind)];
    const fewer = this.#countOf(part, Math.min(Math.max(least - 1, 0), 1), isEndless ? most : Math.min(most - 1, 2));
    const once = this.#restOf(part, this.#restOf(fewer, behind));
    return least > 0 ? [once] : [once, behind];
  }

  readonly #loops = new Map<Expression, Map<Rest, Loop>>();

  #loopOf(part: Expression, behind: Rest): Loop {
    const known = this.#loops.get(part) ?? new Map<Rest, Loop>();
    this.#loops.set(part, known);
    const loop = known.get(behind) ?? { loop: part, rest: behind };
    known.set(behind, loop);
    return loop;
  }

  readonly #counts = new Map<string, Expression>();

  #countOf(part: Expression, least: number, most: number): Expression {
    const key = `${this.#idOf(part)} ${least} ${most}`;
    const count = this.#counts.get(key) ?? { kind: "repeat", part, least: Math.min(least, most), most };
    this.#counts.set(key, count);
    return count;
  }

  #behind(part: Expression, isNot: boolean): readonly boolean[] {
    const only = part.kind === "all" && part.parts.length === 1 ? part.parts[0] : part;
    if (only?.kind !== "one") throw new Error("only one character is looked behind at");
    return this.#takes(only.source).map((takes) => takes !== isNot);
  }

  #placeOf(part: Extract<Expression, { kind: "one" }>, behind: Rest): number {
    const key = `${this.#idOf(part)} ${typeof behind === "string" ? behind : this.#idOf(behind)}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const place: Place = { source: part.source, takes: this.#takes(part.source), next: [], ends: false };
    const index = this.#places.push(place) - 1;
    this.#memo.set(key, index);
    this.#pending.push(() => this.#follow(place, behind, false, undefined, []));
    return index;
  }

  #idOf(object: object): number {
    const id = this.#ids.get(object) ?? this.#ids.size;
    this.#ids.set(object, id);
    return id;
  }

  #takes(source: string): readonly boolean[] {
    const one = new RegExp(`^(?:${source})$`, this.#flags);
    return SAMPLES.map((sample) => one.test(sample));
  }

  /** One sample for each set of samples that no place and no way tells apart. */
  #distinct(): readonly number[] {
    const masks = this.#places.flatMap(({ takes, next }) => [
      takes,
      ...next.flatMap(({ after }) => (after === undefined ? [] : [after])),
    ]);
    const byKind = new Map<string, number>();
    for (const sample of SAMPLES.keys()) {
      const kind = masks.map((mask) => (mask[sample] === true ? "1" : "0")).join("");
      if (!byKind.has(kind)) byKind.set(kind, sample);
    }
    return [...byKind.values()];
  }

  /** The places to which a place leads by a character that is read after another one. */
  #step(from: number, before: number, read: number): readonly number[] {
    const place = this.#places[from];
    return (place?.next ?? []).flatMap(({ to, after }) =>
      after?.[before] !== false && this.#places[to]?.takes[read] === true ? [to] : [],
    );
  }

  readonly #reached = new Map<number, ReadonlySet<number>>();

  #reach(from: number): ReadonlySet<number> {
    const known = this.#reached.get(from);
    if (known !== undefined) return known;
    const reached = new Set<number>();
    for (const queue = [from]; queue.length > 0; ) {
      for (const { to } of this.#places[queue.pop() ?? 0]?.next ?? []) {
        if (reached.has(to)) continue;
        reached.add(to);
        queue.push(to);
      }
    }
    this.#reached.set(from, reached);
    return reached;
  }

  /** Two ways from one character of a loop to the next one, without another character. */
  doubleWay(): string | undefined {
    if (this.#emptyLoop) return "a part that may be empty is repeated without end";
    for (const [from, { source, next }] of this.#places.entries()) {
      const targets = next.map(({ to }) => to).filter((to) => this.#reach(to).has(from));
      const twice = targets.find((to, i) => targets.indexOf(to) !== i);
      if (twice !== undefined) return `there are two ways from ${source} to ${this.#places[twice]?.source ?? ""}`;
    }
    return undefined;
  }

  doublePlace(): string | undefined {
    const looping = [...this.#places.keys()].filter((index) => this.#reach(index).has(index));
    for (const one of looping) {
      for (const other of looping) {
        if (one === other || !this.#reach(one).has(other)) continue;
        // If it has matched in one of the two places, nothing else is tried.
        if (this.#places[one]?.ends === true || this.#places[other]?.ends === true) continue;
        if (this.#readTwice(one, other)) {
          return `${this.#places[one]?.source ?? ""} and ${this.#places[other]?.source ?? ""} read the same text`;
        }
      }
    }
    return undefined;
  }

  /** Whether one text leads from the first place to itself and to the second, and from the second to itself. */
  #readTwice(one: number, other: number): boolean {
    for (const last of this.#classes) {
      const seen = new Set<string>();
      for (const queue = [[one, one, other, last] as const]; queue.length > 0; ) {
        const [x, y, z, before] = queue.pop() ?? [one, one, other, last];
        for (const read of this.#classes) {
          for (const toX of this.#step(x, before, read)) {
            if (!this.#reach(toX).has(one)) continue;
            for (const toZ of this.#step(z, before, read)) {
              if (!this.#reach(toZ).has(other)) continue;
              for (const toY of this.#step(y, before, read)) {
                if (!this.#reach(toY).has(other) && toY !== other) continue;
                if (toX === one && toY === other && toZ === other && read === last) return true;
                const key = `${toX} ${toY} ${toZ} ${read}`;
                if (seen.has(key)) continue;
                seen.add(key);
                queue.push([toX, toY, toZ, read]);
              }
            }
          }
        }
      }
    }
    return false;
  }
}
