import { formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";

// What this project chose where the specifications are silent, at the edges that the vectors do not touch.

const BUDGET = 8192;

/** A member of so many bytes. */
function sized(key: string, bytes: number): string {
  return `${key}=${"v".repeat(bytes - key.length - 1)}`;
}

/** The same as it is given to a writer. */
function sizedEntry(key: string, bytes: number): { key: string; value: string } {
  return { key, value: "v".repeat(bytes - key.length - 1) };
}

function keysOf(header: string | readonly string[]): readonly string[] {
  return parseBaggage(header).map(({ key }) => key);
}

interface Reading {
  readonly title: string;
  readonly header: string | readonly string[];
  readonly keys: readonly string[];
}

const BUDGET_OF_READING: readonly Reading[] = [
  { title: "POL-01 reads a member of 8191 bytes", header: sized("k", BUDGET - 1), keys: ["k"] },
  { title: "POL-02 reads a member of 8192 bytes", header: sized("k", BUDGET), keys: ["k"] },
  { title: "POL-03 drops a member of 8193 bytes", header: sized("k", BUDGET + 1), keys: [] },
  { title: "POL-04 reads two members up to byte 8192", header: `a=1,${sized("k", BUDGET - 4)}`, keys: ["a", "k"] },
  { title: "POL-05 drops the second at byte 8193", header: `a=1,${sized("k", BUDGET - 3)}`, keys: ["a"] },
  {
    title: "POL-06 reads nothing behind a member that does not fit, though it would fit itself",
    header: `a=1,${sized("k", BUDGET)},b=2`,
    keys: ["a"],
  },
  {
    title: "POL-07 reads nothing behind a malformed member that does not fit",
    header: `a=1,${"v".repeat(BUDGET)},b=2`,
    keys: ["a"],
  },
  {
    title: "POL-08 counts the comma between two lines",
    header: [sized("a", 4096), sized("b", 4095)],
    keys: ["a", "b"],
  },
  { title: "POL-09 drops what the comma pushes over", header: [sized("a", 4096), sized("b", 4096)], keys: ["a"] },
  { title: "POL-10 counts an empty line as a comma", header: ["", sized("k", BUDGET - 1)], keys: ["k"] },
  { title: "POL-11 drops what an empty line pushes over", header: ["", sized("k", BUDGET)], keys: [] },
  { title: "POL-12 counts each of several empty lines", header: ["", "", sized("k", BUDGET - 1)], keys: [] },
  { title: "POL-13 counts white space within a line", header: [` ${sized("k", BUDGET - 1)}`], keys: ["k"] },
  { title: "POL-14 drops what white space before it pushes over", header: ` ${sized("k", BUDGET)}`, keys: [] },
  { title: "POL-15 does not count white space behind a member", header: `${sized("k", BUDGET)} \t `, keys: ["k"] },
  { title: "POL-16 counts a property", header: `${sized("k", BUDGET - 2)};p`, keys: ["k"] },
  {
    title: "POL-17 drops a member whole if only its property does not fit",
    header: `${sized("k", BUDGET - 1)};p`,
    keys: [],
  },
  {
    title: "POL-18 reads an earlier value where the later one does not fit",
    header: `k=1,${sized("k", BUDGET - 3)}`,
    keys: ["k"],
  },
];

describe("the budget of reading", () => {
  test.each(BUDGET_OF_READING)("$title", ({ header, keys }) => {
    expect(keysOf(header)).toEqual(keys);
  });

  test("POL-19 never counts members: as many as have room are read and written", () => {
    const members = Array.from({ length: 1170 }, (_, i) => `k${String(i).padStart(4, "0")}=`);
    expect(members.join(",")).toHaveLength(8189);
    expect(keysOf(members.join(","))).toHaveLength(1170);
    expect(keysOf(members)).toHaveLength(1170);
    expect(formatBaggage(parseBaggage(members))).toBe(members.join(","));
    expect(mergeBaggage(members, [])).toBe(members.join(","));
  });

  test("POL-20 reads the value that fits where a duplicate does not", () => {
    expect(parseBaggage(BUDGET_OF_READING.at(-1)?.header ?? "")).toEqual([{ key: "k", value: "1", properties: [] }]);
  });
});

describe("the budget of writing", () => {
  test.each([
    { bytes: BUDGET - 1, written: true },
    { bytes: BUDGET, written: true },
    { bytes: BUDGET + 1, written: false },
  ])("POL-21 writes a lone member of $bytes bytes: $written", ({ bytes, written }) => {
    expect(formatBaggage([sizedEntry("k", bytes)])).toBe(written ? sized("k", bytes) : "");
  });

  test.each([
    { bytes: BUDGET - 4, written: true },
    { bytes: BUDGET - 3, written: false },
  ])("POL-22 counts the comma before a second member of $bytes bytes", ({ bytes, written }) => {
    const header = formatBaggage([{ key: "a", value: 1 }, sizedEntry("k", bytes)]);
    expect(header).toBe(written ? `a=1,${sized("k", bytes)}` : "a=1");
  });

  test("POL-23 still tries what follows a member that does not fit", () => {
    const entries = [{ key: "a", value: 1 }, sizedEntry("big", BUDGET), { key: "b", value: 2 }];
    expect(formatBaggage(entries)).toBe("a=1,b=2");
  });

  test.each([
    { char: "%", encoded: 3 },
    { char: "é", encoded: 6 },
    { char: "中", encoded: 9 },
    { char: "😀", encoded: 12 },
  ])("POL-24 counts $char as the $encoded bytes that it has on the wire", ({ char, encoded }) => {
    const room = BUDGET - encoded;
    const fits = { key: "k", value: `${"v".repeat(room - 2)}${char}` };
    expect(formatBaggage([fits])).toHaveLength(BUDGET);
    expect(formatBaggage([{ ...fits, value: `v${fits.value}` }])).toBe("");
  });

  test("POL-25 drops a member whole if only its property does not fit", () => {
    const entry = sizedEntry("k", BUDGET - 2);
    expect(formatBaggage([{ ...entry, properties: [{ key: "p" }] }])).toHaveLength(BUDGET);
    expect(formatBaggage([{ ...entry, properties: [{ key: "pp" }] }])).toBe("");
  });
});

describe("the budget of merging", () => {
  const theirs = sized("theirs", 8000);

  test.each([
    { bytes: 190, placed: true },
    { bytes: 191, placed: true },
    { bytes: 192, placed: false },
  ])("POL-30 puts a member of $bytes bytes behind 8000 of theirs: $placed", ({ bytes, placed }) => {
    expect(mergeBaggage(theirs, [sizedEntry("o", bytes)])).toBe(placed ? `${theirs},${sized("o", bytes)}` : theirs);
  });

  test("POL-31 uses the room of the member that it replaces", () => {
    expect(mergeBaggage(`o=1,${theirs}`, [sizedEntry("o", 191)])).toBe(`${sized("o", 191)},${theirs}`);
  });

  test("POL-32 leaves no stale value of ours where the new one has no room", () => {
    expect(mergeBaggage(`o=1,${theirs}`, [sizedEntry("o", 192)])).toBe(theirs);
  });

  test("POL-33 places what fits where an earlier one of ours does not", () => {
    expect(mergeBaggage(theirs, [sizedEntry("big", 192), sizedEntry("o", 191)])).toBe(`${theirs},${sized("o", 191)}`);
  });

  test.each([BUDGET, BUDGET + 1, 3 * BUDGET])("POL-34 keeps %i bytes of theirs whole, without ours", (bytes) => {
    expect(mergeBaggage(sized("theirs", bytes), [{ key: "o", value: "" }])).toBe(sized("theirs", bytes));
  });

  test("POL-35 counts the commas that join several lines", () => {
    const lines = [sized("a", 4000), sized("b", 3999)];
    expect(mergeBaggage(lines, [sizedEntry("o", 191)])).toHaveLength(BUDGET);
    expect(mergeBaggage(lines, [sizedEntry("o", 192)])).toBe(lines.join(","));
  });

  test("POL-36 does not count empty members, since it leaves them out", () => {
    expect(mergeBaggage(`,, ,${theirs},\t,`, [sizedEntry("o", 191)])).toBe(`${theirs},${sized("o", 191)}`);
  });
});

/** RFC 7230, section 3.2.6, written out. */
const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** W3C Baggage, `baggage-octet`, written out. */
const VALUE_CHARS = "!#$%&'()*+-./0123456789:<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";

const LATIN1 = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

function sorted(chars: string): string {
  return Array.from(chars).sort().join("");
}

describe("keys", () => {
  test("POL-40 are tokens and nothing else, in members and in properties, when reading", () => {
    // A comma, a semicolon and an equal sign end a key, so that none of them can stand in one.
    const readable = LATIN1.filter((char) => keysOf(`k${char}k=1`).includes(`k${char}k`));
    expect(readable.join("")).toBe(sorted(TOKEN_CHARS));
    const inProperty = LATIN1.filter((char) =>
      parseBaggage(`k=1;p${char}p`)[0]?.properties.some(({ key }) => key === `p${char}p`),
    );
    expect(inProperty).toEqual(readable);
  });

  test("POL-41 are tokens and nothing else when writing", () => {
    const writable = LATIN1.filter((char) => formatBaggage([{ key: `k${char}k`, value: 1 }]) === `k${char}k=1`);
    expect(writable.join("")).toBe(sorted(TOKEN_CHARS));
    const properties = LATIN1.map((char) => ({ key: `p${char}p` }));
    const kept = formatBaggage([{ key: "k", value: 1, properties }]);
    expect(kept).toBe(`k=1${writable.map((char) => `;p${char}p`).join("")}`);
  });

  test("POL-42 are neither decoded nor encoded", () => {
    expect(keysOf("a%2Cb=1,a%2cb=2,%61=3,a=4,100%=5")).toEqual(["a%2Cb", "a%2cb", "%61", "a", "100%"]);
    expect(formatBaggage([{ key: "a%2Cb", value: 1 }])).toBe("a%2Cb=1");
    expect(formatBaggage([{ key: "a,b", value: 1 }])).toBe("");
    expect(mergeBaggage("%61=1,a=2", [{ key: "a", value: 3 }])).toBe("%61=1,a=3");
  });

  test("POL-43 are compared to the letter", () => {
    expect(keysOf("key=1,Key=2,KEY=3")).toEqual(["key", "Key", "KEY"]);
    expect(mergeBaggage("Key=1", [{ key: "key", value: 2 }])).toBe("Key=1,key=2");
  });
});

describe("values", () => {
  test("POL-50 are read with the characters of the grammar and no others", () => {
    const readable = LATIN1.filter((char) => parseBaggage(`k=v${char}v`)[0]?.value === `v${char}v`);
    // A lone percent sign encodes nothing, so its member is dropped.
    expect(readable.join("")).toBe(sorted(VALUE_CHARS.replace("%", "")));
  });

  test("POL-51 are written raw where the grammar allows it, else encoded, and always read back", () => {
    for (const char of [...LATIN1, "Ā", "中", "\u2028", "😀", "\ufeff"]) {
      const header = formatBaggage([{ key: "k", value: `v${char}v` }]);
      const isRaw = VALUE_CHARS.includes(char) && char !== "%";
      expect(header).toBe(`k=v${isRaw ? char : encodeURIComponent(char)}v`);
      expect(parseBaggage(header)).toEqual([{ key: "k", value: `v${char}v`, properties: [] }]);
    }
  });

  test.each(["%", "%2", "%2g", "%g2", "%%41", "a%", "%4 1", "%u0041", "%+1", "%-1", "% 1", "%0x"])(
    "POL-52 drop their member where a percent sign stands before no two digits: %j",
    (value) => {
      expect(keysOf(`a=1,k=${value},b=2`)).toEqual(["a", "b"]);
    },
  );

  test("POL-53 are decoded with digits of either case, and once", () => {
    expect(parseBaggage("k=%c3%A9%C3%a9%2541")[0]?.value).toBe("éé%41");
    expect(parseBaggage("k=%e4%b8%ad%E4%B8%AD%2c%2C")[0]?.value).toBe("中中,,");
  });

  test.each([
    ["%80", "\ufffd"],
    ["%C3", "\ufffd"],
    ["%C3%28", "\ufffd("],
    ["%E4%B8", "\ufffd"],
    ["%E4%B8x", "\ufffdx"],
    ["%C0%AF", "\ufffd\ufffd"],
    ["%ED%A0%80", "\ufffd\ufffd\ufffd"],
    ["%F5%80%80%80", "\ufffd\ufffd\ufffd\ufffd"],
    ["%EF%BB%BF%FF", "\ufeff\ufffd"],
    ["%C3%A9%FF%C3%A9", "é\ufffdé"],
  ])("POL-54 have U+FFFD for octets that are no UTF-8: %s", (value, decoded) => {
    expect(parseBaggage(`k=${value};p=${value}`)).toEqual([
      { key: "k", value: decoded, properties: [{ key: "p", value: decoded }] },
    ]);
  });
});

describe("properties", () => {
  test.each([
    ["k=1;", []],
    ["k=1;;;", []],
    ["k=1; \t ;p", [{ key: "p" }]],
    ["k=1;p=", [{ key: "p", value: "" }]],
    ["k=1;p= ", [{ key: "p", value: "" }]],
    ["k=1;=v", []],
    ["k=1;=", []],
    ["k=1;p=a=b", [{ key: "p", value: "a=b" }]],
    ["k=1;p==", [{ key: "p", value: "=" }]],
    ["k=1;p;p", [{ key: "p" }, { key: "p" }]],
    ["k=1;p q;r", [{ key: "r" }]],
    ["k=1;p=%;r", [{ key: "r" }]],
    ["k=1;p=%zz;r=1", [{ key: "r", value: "1" }]],
    ["k=1;p=a b;r", [{ key: "r" }]],
    ['k=1;p="a";r', [{ key: "r" }]],
    ["k=1;p%3Dq", [{ key: "p%3Dq" }]],
    ["k=;p", [{ key: "p" }]],
    ["k=1;__proto__=2", [{ key: "__proto__", value: "2" }]],
  ])("POL-60 break alone, and leave their member: %s", (header, properties) => {
    const value = header.startsWith("k=;") ? "" : "1";
    expect(parseBaggage(header)).toEqual([{ key: "k", value, properties }]);
  });

  test("POL-61 never make a member of one that has none", () => {
    expect(parseBaggage(";p=1")).toEqual([]);
    expect(parseBaggage("k;p=1")).toEqual([]);
    expect(parseBaggage("k ; p = 1 , a=1")).toEqual([{ key: "a", value: "1", properties: [] }]);
  });

  test("POL-62 are written in their order, with the equal sign where they have a value", () => {
    const properties = [{ key: "a" }, { key: "b", value: "" }, { key: "a", value: "1;2" }];
    expect(formatBaggage([{ key: "k", value: "", properties }])).toBe("k=;a;b=;a=1%3B2");
  });

  test("POL-63 cannot inject: what separates is encoded in values and drops keys", () => {
    const properties = [{ key: "p", value: "1,evil=2" }, { key: "q,evil=3" }, { key: "r\r\nx-evil:", value: "4" }];
    const header = formatBaggage([{ key: "k", value: "v", properties }]);
    expect(header).toBe("k=v;p=1%2Cevil=2");
    expect(keysOf(header)).toEqual(["k"]);
  });
});

describe("duplicates", () => {
  test("POL-70 give the last value, with its properties, in the first one's place", () => {
    expect(parseBaggage("a=1;p,b=2,a=3;q,c=4,b=5")).toEqual([
      { key: "a", value: "3", properties: [{ key: "q" }] },
      { key: "b", value: "5", properties: [] },
      { key: "c", value: "4", properties: [] },
    ]);
  });

  test("POL-71 count only where they are valid", () => {
    expect(parseBaggage("a=1,a=%,a= x y,a")).toEqual([{ key: "a", value: "1", properties: [] }]);
    expect(parseBaggage("a=%,a=2")).toEqual([{ key: "a", value: "2", properties: [] }]);
  });

  test("POL-72 are found over several lines", () => {
    expect(parseBaggage(["a=1,b=2", "", "a=3"])).toEqual([
      { key: "a", value: "3", properties: [] },
      { key: "b", value: "2", properties: [] },
    ]);
  });

  test("POL-73 of an entry are written once, the last in the first one's place", () => {
    const entries = [
      { key: "a", value: 1, properties: [{ key: "p" }] },
      { key: "b", value: 2 },
      { key: "a", value: 3 },
    ];
    expect(formatBaggage(entries)).toBe("a=3,b=2");
    expect(mergeBaggage("x=0", entries)).toBe("x=0,a=3,b=2");
  });

  test("POL-74 of ours are replaced by one, in the first one's place", () => {
    expect(mergeBaggage("x=0, a = 1;p ,y=0,a=2,z=0", [{ key: "a", value: 3 }])).toBe("x=0,a=3,y=0,z=0");
  });

  test("POL-75 of theirs stay", () => {
    expect(mergeBaggage("x=0,y=1,x=0", [{ key: "a", value: 3 }])).toBe("x=0,y=1,x=0,a=3");
  });
});

describe("the others' members", () => {
  test.each([
    " a=1 , b = 2 ",
    "a=1;p;q= 2",
    "a=%zz,b=%C3%28,c=%c3%a9",
    "no-equals,=no-key,k y=1",
    'a="quoted",b=\\,c=(x)',
    "a=caf\u00e9,b=\u00a0",
    "a=1,a=2,a=1",
    "%65xp=1",
    "a=\tb",
  ])("POL-80 pass byte for byte: %j", (existing) => {
    expect(mergeBaggage(existing, [])).toBe(existing);
    expect(mergeBaggage(existing, [{ key: "o", value: 1 }])).toBe(`${existing},o=1`);
  });

  test.each(["\0", "\n", "\r", "\v", "\x1f", "\x7f", "Ā", "😀", "\ud800"])(
    "POL-81 lose those that no header can hold, whole and alone: %j",
    (char) => {
      expect(mergeBaggage(`a=1,k=v${char},b=2`, [])).toBe("a=1,b=2");
      expect(mergeBaggage(`a=1,k${char}=v,b=2`, [])).toBe("a=1,b=2");
    },
  );

  test("POL-82 lose the empty ones, which are none", () => {
    expect(mergeBaggage(", ,a=1,\t,,b=2,", [{ key: "o", value: 1 }])).toBe("a=1,b=2,o=1");
    expect(mergeBaggage(["", " ", "a=1", ""], [])).toBe("a=1");
    expect(mergeBaggage(" , ,", [])).toBe("");
  });

  test("POL-83 are left alone by a property of theirs that bears our key", () => {
    expect(mergeBaggage("a=1;o=2,b;o=3", [{ key: "o", value: 4 }])).toBe("a=1;o=2,b;o=3,o=4");
  });
});
