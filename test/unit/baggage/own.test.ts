import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";
import { OwnMemberReader } from "../../../src/baggage/own.ts";

// The reader of own members looks at nothing else in the header, so that it must be shown to agree with the parser.

const PREFIX = "experiment.";
const reader = new OwnMemberReader(PREFIX);

/** What stands between the prefix and the last dot, what stands behind it, and the value. */
type Part = readonly [key: string, field: string, value: string];

interface Read {
  readonly parts: readonly Part[];
  readonly malformed: number;
  readonly overBudget: number;
  readonly encoded: number;
}

function read(header: string, by: OwnMemberReader = reader): Read {
  const { parts, fields, ...counts } = by.read(header);
  expect(fields).toEqual([]);
  const triples = Array.from({ length: parts.length / 3 }, (_, i): Part => {
    const [key = "", field = "", value = ""] = parts.slice(3 * i, 3 * i + 3);
    return [key, field, value];
  });
  return { parts: triples, ...counts };
}

const NOTHING = { parts: [], malformed: 0, overBudget: 0, encoded: 0 };

/** Last value, first place: the members by name. Two names that our split cannot tell apart are left out. */
function folded(parts: readonly Part[]): readonly (readonly [string, string])[] {
  const named = parts.filter(([key]) => key !== "");
  return [...new Map(named.map(([key, field, value]) => [`${key}.${field}`, value]))];
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function byParser(header: string, prefix = PREFIX): readonly (readonly [string, string])[] {
  const own = parseBaggage(header).filter(({ key }) => key.startsWith(prefix));
  return folded(
    own.map(({ key, value }): Part => {
      const name = key.slice(prefix.length);
      const dot = name.lastIndexOf(".");
      return [name.slice(0, Math.max(dot, 0)), name.slice(dot + 1), value];
    }),
  );
}

/** The reader leaves it to the rules of experiments' names to refuse a key that is no token. */
function byReader(header: string, prefix = PREFIX): readonly (readonly [string, string])[] {
  const { parts } = read(header, prefix === PREFIX ? reader : new OwnMemberReader(prefix));
  return folded(parts.filter(([key, field]) => TOKEN.test(`${key}.${field}`)));
}

interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly header: string | readonly string[];
  readonly existing: string | readonly string[];
}

// why: the file is a list of cases; one to be read has a header, one to be merged an existing one, of one line or several
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as readonly Vector[];
const headers = vectors.flatMap(({ id, kind, header, existing }) => {
  const text = kind === "extract" ? header : kind === "merge" ? existing : undefined;
  return text === undefined ? [] : [{ id, header: typeof text === "string" ? text : text.join(",") }];
});

/** The prefixes under which a header's own keys stand, so that each of its members is own to one of them. */
function prefixesIn(header: string): readonly string[] {
  const starts = parseBaggage(header).map(({ key }) => key.slice(0, Math.ceil(key.length / 2)));
  return [...new Set([PREFIX, ...starts])].slice(0, 8);
}

describe("the reader agrees with the parser", () => {
  test.each(headers)("OWN-01 on the vector $id, whatever the prefix", ({ header }) => {
    for (const prefix of prefixesIn(header)) expect(byReader(header, prefix)).toEqual(byParser(header, prefix));
  });

  test.each(headers.filter(({ header }) => header.length < 2000))(
    "OWN-02 on the vector $id, made own member by member",
    ({ header }) => {
      const own = header.replaceAll(/(^|,)([ \t]*)(?=[^ \t,])/g, `$1$2${PREFIX}checkout.`);
      expect(byReader(own)).toEqual(byParser(own));
    },
  );

  const piece = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(PREFIX, ",", ";", "=", " ", "\t", "checkout", ".", "variant", "%") },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        `${PREFIX}checkout.variant=express`,
        `,${PREFIX}checkout.variant=`,
        `${PREFIX}a.id=b;p=${PREFIX}c.id=d`,
        "%2E",
        "%65",
        "%zz",
        "%FF",
        "\u00a0",
        "\v",
        "\ufeff",
        "experiment",
        `x${PREFIX}`,
        "foreign=1",
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 5 }) },
  );
  const header = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(""));

  test("OWN-03 on any text: the same own members, decoded, the last of a name in the first one's place", () => {
    fc.assert(
      fc.property(header, (text) => {
        expect(byReader(text)).toEqual(byParser(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("OWN-04 on any text around the budget", () => {
    fc.assert(
      fc.property(header, fc.integer({ min: -40, max: 40 }), header, (before, offset, after) => {
        const filler = `f=${"v".repeat(Math.max(0, 8192 + offset - before.length))}`;
        const text = `${before},${filler},${after}`;
        expect(byReader(text)).toEqual(byParser(text));
        const start = `${filler.slice(0, Math.max(0, 8160 - before.length))},${before},${after}`;
        expect(byReader(start)).toEqual(byParser(start));
      }),
      { numRuns: 500 },
    );
  });

  test("OWN-05 and counts each member under its prefix once: read, malformed or beyond the budget", () => {
    fc.assert(
      fc.property(header, fc.nat({ max: 3 }), (text, kilobytes) => {
        const long = `${text},f=${"v".repeat(kilobytes * 3000)},${text}`;
        const { parts, malformed, overBudget } = read(long);
        const own = long.split(",").filter((segment) => segment.trimStart().startsWith(PREFIX));
        expect(parts.length + malformed + overBudget).toBe(own.length);
      }),
      { numRuns: 1000 },
    );
  });

  test("OWN-06 and counts each member once whose key has the prefix only when it is decoded or trimmed", () => {
    const pieces = [
      "%65",
      "%78",
      "x",
      "periment",
      "%2E",
      "%2e",
      ".",
      "a",
      " ",
      "%",
      "25",
      "+",
      "%20",
      "%1C",
      "\u00a0",
      PREFIX,
    ];
    const key = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(""));
    const rest = fc.constantFrom("", "=", "=1", "=%65", "=+", ";p=1", "=1;p=%65", "=experiment.");
    const member = fc.tuple(key, rest).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), (members) => {
        expect(read(members.join(",")).encoded).toBe(members.filter(isHiddenOwn).length);
      }),
      { numRuns: 2000 },
    );
  });
});

/** By the definition: some sequence of decoding, of plus signs as spaces and of trimming makes an own key of it. */
function isHiddenOwn(segment: string): boolean {
  const [, raw] = /^([^;=]*)=/.exec(segment) ?? [];
  if (raw === undefined || raw.trim().startsWith(PREFIX)) return false;
  const seen = new Set([raw]);
  for (const key of seen) {
    const decoded = key.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    // Bytes that are no UTF-8 are left out by some decoders.
    const withoutBroken = key.replaceAll(/(?:%[89A-Fa-f][0-9A-Fa-f])+/g, (escapes) =>
      Buffer.from(escapes.replaceAll("%", ""), "hex").toString().replaceAll("\uFFFD", ""),
    );
    for (const next of [decoded, withoutBroken, key.replaceAll("+", " "), key.replaceAll(/^[\0-\x20\x7f-\xa0]+/g, "")])
      seen.add(next);
  }
  return [...seen].some((key) => key.startsWith(PREFIX));
}

describe("the reader", () => {
  test("OWN-10 finds own members in their order, wherever they stand, with values decoded", () => {
    const header = `a=1,${PREFIX}checkout.variant=express , \t${PREFIX}checkout.id = r%C3%A9%20d;p=1,b=2,${PREFIX}checkout.forced=1`;
    expect(read(header)).toEqual({
      ...NOTHING,
      parts: [
        ["checkout", "variant", "express"],
        ["checkout", "id", "ré d"],
        ["checkout", "forced", "1"],
      ],
    });
  });

  test.each([
    `x${PREFIX}checkout.variant=1`,
    `x=${PREFIX}checkout.variant`,
    `x=1;${PREFIX}checkout.variant=2`,
    `x=1; ${PREFIX}checkout.variant=2`,
    `x=${PREFIX}a.variant=1;${PREFIX}b.variant=2`,
    `"${PREFIX}checkout.variant=1`,
    `x ${PREFIX}checkout.variant=1`,
    `=${PREFIX}checkout.variant=1`,
    `;${PREFIX}checkout.variant=1`,
  ])("OWN-11 never sees the prefix within another member: %j", (header) => {
    expect(read(header)).toEqual(NOTHING);
    expect(read(`${header},${PREFIX}checkout.variant=mine`)).toEqual({
      ...NOTHING,
      parts: [["checkout", "variant", "mine"]],
    });
  });

  test.each([
    "%65xperiment.checkout.variant=evil",
    "experiment%2Echeckout.variant=evil",
    "experiment%2echeckout.variant=evil",
    "%65%78%70%65%72%69%6D%65%6E%74%2E%63heckout.variant=evil",
    " %65xperiment.checkout.variant = evil;p",
    "%65xperiment.checkout.variant=",
    "\u00a0%65xperiment.checkout.variant=evil",
    "%2565xperiment.checkout.variant=1",
    "%20experiment.checkout.variant=evil",
    "+experiment.checkout.variant=evil",
    "%C2%85experiment.checkout.variant=evil",
    "\u00c2%A0experiment.checkout.variant=evil",
    "\u00c2\u00a0experiment.checkout.variant=evil",
    "%FFexperiment.checkout.variant=evil",
    "%1C+%2509experiment.checkout.variant=evil",
    "%u0065xperiment.checkout.variant=evil",
    "experiment%C0%AEcheckout.variant=evil",
    "%%36%35xperiment.checkout.variant=evil",
  ])("OWN-12 counts a key that is ours only to a lenient reader, and never reads it: %j", (header) => {
    expect(read(header)).toEqual({ ...NOTHING, encoded: 1 });
    expect(read(`a=1,${header},${header},${PREFIX}checkout.variant=mine`)).toEqual({
      ...NOTHING,
      encoded: 2,
      parts: [["checkout", "variant", "mine"]],
    });
  });

  test.each([
    "experimen%74=1",
    "+x%20experiment.checkout.variant=1",
    "%C3%A9experiment.checkout.variant=1",
    "\u00e9experiment.checkout.variant=1",
    "exp+eriment.checkout.variant=1",
    "%45xperiment.checkout.variant=1",
    "a=+experiment.checkout.variant=1",
    "x%65xperiment.checkout.variant=1",
    "%65xperiment.checkout.variant",
    "%65xperiment.checkout.variant;p=1",
    "a=%65xperiment.checkout.variant=1",
    "a=1;%65xperiment.checkout.variant=1",
    "%zzexperiment.checkout.variant=1",
  ])("OWN-13 lets alone what is not ours even then: %j", (header) => {
    expect(read(header)).toEqual(NOTHING);
  });

  test("OWN-20 reads a key that has the prefix as it stands, escapes or not, and counts it once", () => {
    const header = `${PREFIX}a%2Eb.variant=1,${PREFIX}c.variant=%65%2E,${PREFIX}d.%65=1`;
    expect(read(header)).toEqual({
      ...NOTHING,
      parts: [
        ["a%2Eb", "variant", "1"],
        ["c", "variant", "e."],
        ["d", "%65", "1"],
      ],
    });
  });

  test.each([". variant", ".\tvariant", " .variant", "check out.variant"])(
    "OWN-21 reads no member whose key is no token, wherever its white space stands: %j",
    (name) => {
      const { parts } = read(`${PREFIX}checkout${name}=express`);
      expect(parts.filter(([key, field]) => TOKEN.test(`${key}.${field}`))).toEqual([]);
    },
  );

  test.each([
    "\u00a0",
    "\v",
    "\f",
    "\ufeff",
    "\u2003",
    " \u00a0 ",
    "\t\ufeff",
    "\r",
    "\n",
    "\0",
    "\x1c",
    "\x7f",
    "\u0085",
    "\u180e",
    "\u200b",
  ])("OWN-14 counts as malformed a member behind a character that only some readers trim: %j", (space) => {
    const member = `${space}${PREFIX}checkout.variant=evil`;
    expect(read(member)).toEqual({ ...NOTHING, malformed: 1 });
    expect(read(`a=1,${member},${PREFIX}checkout.variant=mine`)).toEqual({
      ...NOTHING,
      malformed: 1,
      parts: [["checkout", "variant", "mine"]],
    });
  });

  test.each([
    `${PREFIX}checkout.variant`,
    `${PREFIX}checkout.variant;p=1`,
    `${PREFIX}checkout.variant=a b`,
    `${PREFIX}checkout.variant="a"`,
    `${PREFIX}checkout.variant=%`,
    `${PREFIX}checkout.variant=%zz`,
    `${PREFIX}checkout.variant=\u00a0a`,
    `${PREFIX}checkout.variant=a\\b`,
    `${PREFIX}checkout.variant=\0`,
    PREFIX,
  ])("OWN-15 counts as malformed what breaks the grammar, and reads on: %j", (header) => {
    expect(read(header)).toEqual({ ...NOTHING, malformed: 1 });
    expect(read(`${header},${PREFIX}checkout.variant=mine`).parts).toEqual([["checkout", "variant", "mine"]]);
  });

  test("OWN-16 tells the field from the key at the last dot", () => {
    const header = ["variant=1", "a.variant=2", "a.b.variant=3", ".=4", "=5"].map((rest) => PREFIX + rest).join(",");
    expect(read(header).parts).toEqual([
      ["", "variant", "1"],
      ["a", "variant", "2"],
      ["a.b", "variant", "3"],
      ["", "", "4"],
      ["", "", "5"],
    ]);
  });

  test("OWN-17 counts what is beyond 8192 bytes, where the member ends", () => {
    const member = `${PREFIX}checkout.variant=express`;
    const full = `f=${"v".repeat(8192 - 2 - 1 - member.length)}`;
    expect(read(`${full},${member}`)).toMatchObject({ parts: [["checkout", "variant", "express"]], overBudget: 0 });
    expect(read(`${full},${member} \t `)).toMatchObject({ overBudget: 0 });
    expect(read(`${full}v,${member}`)).toEqual({ ...NOTHING, overBudget: 1 });
    expect(read(`${full}v,${member},${member}`)).toEqual({ ...NOTHING, overBudget: 2 });
  });

  test("OWN-18 gives nothing for a header without own members, and for none", () => {
    for (const header of ["", "a=1,b=2", "experiment=1", "Experiment.a.variant=1", "a=%41"]) {
      expect(read(header)).toEqual(NOTHING);
    }
  });

  test("OWN-19 looks for another prefix where it has one", () => {
    const other = new OwnMemberReader("x-y_Z.");
    expect(read("x-y_Z.a.variant=1,experiment.b.variant=2,x%2dy_Z.c.variant=3,x%2Dy%5F%5a.c.variant=4", other)).toEqual(
      {
        ...NOTHING,
        parts: [["a", "variant", "1"]],
        encoded: 2,
      },
    );
  });
});

/** What Python's `str.strip` removes. */
const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const PYTHON_STRIP = new RegExp(`^[${PYTHON_SPACE}]+|[${PYTHON_SPACE}]+$`, "g");

/** The key as opentelemetry-python's propagator reads it: `unquote_plus(key).strip()`. */
function pythonKey(key: string): string {
  const bytes: number[] = [];
  for (const part of key.replaceAll("+", " ").split(/(%[0-9A-Fa-f]{2})/)) {
    if (part.length === 3 && part.startsWith("%")) bytes.push(Number.parseInt(part.slice(1), 16));
    else bytes.push(...Buffer.from(part, "utf8"));
  }
  return Buffer.from(bytes).toString("utf8").replaceAll(PYTHON_STRIP, "");
}

describe("a key that OpenTelemetry for Python would make ours", () => {
  const names = ["user_tier", "a"];
  const withNames = new OwnMemberReader(PREFIX, names);
  const space = fc.constantFrom(
    "%20",
    "+",
    "%09",
    "%1C",
    "%1f",
    "%C2%85",
    "%C2%A0",
    "%E2%80%A8",
    "%E3%80%80",
    " ",
    "\t",
    "%2520",
    "%252509",
  );
  const spaces = fc.array(space, { maxLength: 4 }).map((pieces) => pieces.join(""));
  const written = fc
    .constantFrom(`${PREFIX}checkout.variant`, ...names)
    .chain((key) =>
      fc
        .array(fc.nat({ max: 3 }), { minLength: key.length, maxLength: key.length })
        .map((times) => Array.from(key, (char, i) => encoded(char, times[i] ?? 0)).join("")),
    );

  function encoded(char: string, times: number): string {
    let text = char;
    for (let i = 0; i < times; i++) {
      const [first = "", ...rest] = text;
      text = `%${first.charCodeAt(0).toString(16)}${rest.join("")}`;
    }
    return text;
  }

  test("OWN-22 is owned as a key, as a member and in a list, and is never read unless it stands as it is", () => {
    fc.assert(
      fc.property(spaces, written, spaces, (before, key, after) => {
        const raw = `${before}${key}${after}`;
        let keyThere = raw;
        for (let i = 0; i < 5; i++) keyThere = pythonKey(keyThere);
        expect(keyThere.startsWith(PREFIX) || names.includes(keyThere)).toBe(true);
        expect(withNames.owns(raw)).toBe(true);
        expect(withNames.ownsMember(`${raw}=evil;p`)).toBe(true);
        expect(withNames.mayBeIn(`x=1,${raw}=evil,y=2`)).toBe(true);
        const { parts, fields, encoded: hidden } = withNames.read(`x=1,${raw}=evil,y=2`);
        const stands = raw.replaceAll(/^[ \t]+|[ \t]+$/g, "");
        const isOurs = stands.startsWith(PREFIX) || names.includes(stands);
        expect(hidden).toBe(isOurs ? 0 : 1);
        expect(isOurs || parts.length + fields.length === 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("OWN-23 and no key is owned of which no reader makes ours", () => {
    const piece = fc.constantFrom(
      "%",
      "25",
      "65",
      "+",
      " ",
      "x",
      "%20",
      "experiment",
      "user",
      ".",
      "_",
      "tier",
      "%C3%A9",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const raw = pieces.join("");
        const reads = new Set([raw]);
        for (const key of reads)
          if (reads.size < 50) reads.add(pythonKey(key)).add(pythonKey(key.replaceAll("+", "%2B")));
        const isOurs = [...reads].some((key) => key.startsWith(PREFIX) || names.includes(key));
        expect(withNames.owns(raw)).toBe(isOurs);
      }),
      { numRuns: 2000 },
    );
  });
});
