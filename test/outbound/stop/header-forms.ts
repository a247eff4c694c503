import { hidingForms, hidingMembers } from "../../support/hiding-keys.ts";

/** What a caller writes into `baggage`, and what of it is to be found on the wire. */
export interface Content {
  readonly name: string;
  /** A value for each line. */
  readonly lines: readonly string[];
  /** The others' members that are left. */
  readonly kept: readonly string[];
}

/** Foreign members, own ones written by hand, plain and percent-encoded. None of the own ones may ever arrive. */
export const contents = {
  none: { name: "no baggage", lines: [], kept: [] },
  foreign: { name: "foreign baggage", lines: ["user=1"], kept: ["user=1"] },
  odd: {
    name: "foreign baggage with properties and odd white space",
    lines: ["user = 1 ;p=2;q ,  other=a%20b;x ,\tbroken;=, last=%E4%zz;r= experiment.x"],
    kept: ["user = 1 ;p=2;q ,  other=a%20b;x ,\tbroken;=, last=%E4%zz;r= experiment.x"],
  },
  own: {
    name: "own members written by hand",
    lines: ["experiment.checkout.variant=stale,experiment.checkout.id=old;p=1,experiment.other.variant=x"],
    kept: [],
  },
  mixed: {
    name: "own members among foreign ones",
    lines: ["user=1;p=1, experiment.checkout.variant=stale ,experiment.other.id=x, \texperiment.a.variant=b, last = 2"],
    kept: ["user=1;p=1, last = 2"],
  },
  encoded: {
    name: "percent-encoded own members",
    lines: [
      `user=1,experiment%2Echeckout.variant=EVIL,%65xperiment.checkout.id=EVIL;p, %65%78%70%65%72%69%6d%65%6e%74%2e%61.variant=x,${hidingMembers(hidingForms("experiment.checkout.variant"))},last=2`,
    ],
    kept: ["user=1,last=2"],
  },
  twoLines: {
    name: "two lines",
    lines: ["user=1,experiment.checkout.variant=stale", "last=2,experiment%2Ecustom=1"],
    kept: ["user=1", "last=2"],
  },
} as const satisfies Readonly<Record<string, Content>>;

/** A way in which a client takes headers. */
export interface Shape {
  readonly name: string;
  /** What the client does with two values of one name before anybody sees them. */
  readonly joiner: "," | ", ";
  /** Whether two lines can be said in it. */
  readonly repeats: boolean;
  build(lines: readonly string[]): unknown;
}

export const shapes = {
  object: shape("an object", false, ([line]) => ({ "x-one": "1", ...(line === undefined ? {} : { baggage: line }) })),
  capital: shape("an object with a capital", false, ([line]) => (line === undefined ? {} : { Baggage: line })),
  lists: shape("an object of lists", true, (lines) => (lines.length === 0 ? {} : { baggage: lines, "x-one": ["1"] })),
  flat: shape("a flat array", true, (lines) => ["x-one", "1", ...lines.flatMap((line) => ["BAGGAGE", line])]),
  pairs: shape("an array of pairs", true, (lines) => [["x-one", "1"], ...lines.map((line) => ["baggage", line])]),
  iterable: shape("an iterable of pairs", false, (lines) => new Set(lines.map((line) => ["baggage", line]))),
  map: shape("a Map", false, ([line]) => new Map(line === undefined ? [] : [["baggage", line]])),
  onePair: shape("one pair", false, (lines) => lines.map((line) => ["Baggage", line])),
  headers: { ...shape("Headers", true, (lines) => headersOf(lines)), joiner: ", " },
  fetchPairs: { ...shape("pairs", true, (lines) => lines.map((line) => ["Baggage", line])), joiner: ", " },
} as const satisfies Readonly<Record<string, Shape>>;

function shape(name: string, repeats: boolean, build: Shape["build"]): Shape {
  return { name, joiner: ",", repeats, build };
}

function headersOf(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) headers.append("baggage", line);
  return headers;
}

/** One way of writing one content. */
export interface HeaderForm {
  readonly name: string;
  readonly headers: unknown;
  /** Whether there is baggage in it. */
  readonly writes: boolean;
  /** What the caller's baggage is on the wire, without own members. */
  readonly kept: string;
}

export function formOf(shapeOf: Shape, content: Content): HeaderForm {
  return {
    name: `${content.name} in ${shapeOf.name}`,
    headers: shapeOf.build(content.lines),
    writes: content.lines.length > 0,
    kept: content.kept.join(shapeOf.joiner),
  };
}

/** All contents in the first shape, and the telling ones in the others. */
export function formsOf(shapesOf: readonly Shape[]): readonly HeaderForm[] {
  const telling: readonly Content[] = [contents.mixed, contents.encoded, contents.odd];
  return shapesOf.flatMap((each, i) => {
    const chosen: readonly Content[] = i === 0 ? Object.values(contents) : [...telling, contents.twoLines];
    return chosen.filter(({ lines }) => each.repeats || lines.length < 2).map((content) => formOf(each, content));
  });
}
