import { type BaggageMember, formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { describe, expect, test } from "vitest";

// What W3C's own suite asserts (w3c/baggage, test/test_baggage.py), where the specification decides it, and what
// baggage/HTTP_HEADER_FORMAT.md demands beside it.

/** Every character of W3C's encoding cases: some must be encoded, the others may be. */
const AWKWARD = "\t \"';=asdf!@#$%^&*()";
const AWKWARD_ENCODED = "%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29";

type Properties = BaggageMember["properties"];

function member(key: string, value: string, ...properties: Properties): BaggageMember {
  return { key, value, properties };
}

const VALUED = [
  member("SomeKey", "SomeValue", { key: "SomePropKey", value: "SomePropValue" }),
  member("SomeKey2", "SomeValue2", { key: "SomePropKey2", value: "SomePropValue2" }),
];
const MIXED = [
  member("SomeKey", "SomeValue", { key: "SomeProp" }),
  member("SomeKey2", "SomeValue2", { key: "ValueProp", value: "PropVal" }),
];
const TWO_PROPERTIES = [member("SomeKey", "SomeValue", { key: "SomeProp" }, { key: "SecondProp", value: "PropValue" })];

interface ReadingCase {
  readonly title: string;
  readonly header: string;
  readonly members: readonly BaggageMember[];
}

const READING: readonly ReadingCase[] = [
  { title: "W3C-01 has no member without a header", header: "", members: [] },
  { title: "W3C-02 reads a member", header: "SomeKey=SomeValue", members: [member("SomeKey", "SomeValue")] },
  {
    title: "W3C-03 reads several members, with a property with and one without a value",
    header: "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
    members: MIXED,
  },
  {
    title: "W3C-04 takes white space around every part for no part of it",
    header:
      "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal",
    members: MIXED,
  },
  {
    title: "W3C-05 reads a property's value on each of several members",
    header: "SomeKey=SomeValue;SomePropKey=SomePropValue,SomeKey2=SomeValue2;SomePropKey2=SomePropValue2",
    members: VALUED,
  },
  {
    title: "W3C-06 does so with white space around members and properties",
    header:
      "SomeKey \t = \t SomeValue \t ; \t SomePropKey=SomePropValue \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t SomePropKey2 \t = \t SomePropValue2",
    members: VALUED,
  },
  {
    title: "W3C-07 lets a value hold equal signs",
    header: "SomeKey=SomeValue=equals",
    members: [member("SomeKey", "SomeValue=equals")],
  },
  {
    title: "W3C-08 percent-decodes a value",
    header: `SomeKey=${AWKWARD_ENCODED}`,
    members: [member("SomeKey", AWKWARD)],
  },
  {
    title: "W3C-09 reads a property without a value",
    header: "SomeKey=SomeValue;SomeProp",
    members: [member("SomeKey", "SomeValue", { key: "SomeProp" })],
  },
  {
    title: "W3C-10 reads several properties",
    header: "SomeKey=SomeValue;SomeProp;SecondProp=PropValue",
    members: TWO_PROPERTIES,
  },
  {
    title: "W3C-11 keeps properties of one name, all and in their order",
    header: "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
    members: [
      member(
        "SomeKey",
        "SomeValue",
        { key: "SomeProp" },
        { key: "SomeProp", value: "PropValue" },
        { key: "SomeProp", value: "AnotherPropValue" },
      ),
    ],
  },
  {
    title: "W3C-12 reads a property with a value",
    header: "SomeKey=SomeValue;SomePropKey=SomePropValue",
    members: [member("SomeKey", "SomeValue", { key: "SomePropKey", value: "SomePropValue" })],
  },
  {
    title: "W3C-13 trims a lone member",
    header: "SomeKey \t = \t SomeValue \t ",
    members: [member("SomeKey", "SomeValue")],
  },
  {
    title: "W3C-14 trims before it decodes, so that encoded white space stays",
    header: `SomeKey \t = \t ${AWKWARD_ENCODED} \t `,
    members: [member("SomeKey", AWKWARD)],
  },
  {
    title: "W3C-15 trims a property without a value",
    header: "SomeKey \t = \t SomeValue \t ; \t SomeProp",
    members: [member("SomeKey", "SomeValue", { key: "SomeProp" })],
  },
  {
    title: "W3C-16 trims several properties",
    header: "SomeKey \t = \t SomeValue \t ; \t SomeProp \t ; \t SecondProp \t = \t PropValue",
    members: TWO_PROPERTIES,
  },
  {
    title: "W3C-17 trims a property with a value",
    header: "SomeKey \t = \t SomeValue \t ; \t SomePropKey \t = \t SomePropValue",
    members: [member("SomeKey", "SomeValue", { key: "SomePropKey", value: "SomePropValue" })],
  },
  {
    title: "W3C-18 percent-decodes a property's value",
    header: `SomeKey=SomeValue;SomePropKey=${AWKWARD_ENCODED}`,
    members: [member("SomeKey", "SomeValue", { key: "SomePropKey", value: AWKWARD })],
  },
  {
    title: "W3C-19 never decodes a property's key, so that an encoded equal sign separates nothing",
    header: "SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal",
    members: [member("SomeKey", "SomeValue", { key: "ValueProp%20%09%20%3D%20%09%20PropVal" })],
  },
];

describe("W3C's suite, reading", () => {
  test.each(READING)("$title", ({ header, members }) => {
    expect(parseBaggage(header)).toEqual(members);
  });
});

describe("W3C's suite, writing", () => {
  test("W3C-20 writes nothing for no members", () => {
    expect(formatBaggage([])).toBe("");
  });

  test("W3C-21 encodes what may not stand in a value, and reads it back", () => {
    const header = formatBaggage([{ key: "SomeKey", value: AWKWARD }]);
    expect(header).toMatch(/^SomeKey=%09%20%22('|%27)%3B(=|%3D)asdf(!|%21)(@|%40)/);
    expect(header.slice("SomeKey=".length)).toMatch(/^([!#-$&-+\--:<-[\]-~]|%[0-9A-F]{2})*$/);
    expect(parseBaggage(header)).toEqual([member("SomeKey", AWKWARD)]);
  });

  test("W3C-22 encodes what may not stand in a property's value, and reads it back", () => {
    const members = [member("SomeKey", "SomeValue", { key: "SomePropKey", value: AWKWARD })];
    const header = formatBaggage(members);
    expect(header).toMatch(/^SomeKey=SomeValue;SomePropKey=([!#-$&-+\--:<-[\]-~]|%[0-9A-F]{2})*$/);
    expect(parseBaggage(header)).toEqual(members);
  });

  test("W3C-23 writes 64 members, each whole", () => {
    const members = Array.from({ length: 64 }, (_, i) => member(`key${i}`, "value"));
    expect(formatBaggage(members).split(",")).toEqual(members.map(({ key }) => `${key}=value`));
  });

  test("W3C-24 writes a member that fills all 8192 bytes", () => {
    const header = formatBaggage([{ key: "a", value: "0123456789".repeat(819) }]);
    expect(header).toBe(`a=${"0123456789".repeat(819)}`);
    expect(header).toHaveLength(8192);
  });

  test("W3C-25 writes 512 members that fill all 8192 bytes", () => {
    const members = Array.from({ length: 512 }, (_, i) => ({
      key: String(i).padStart(3, "0"),
      value: i === 511 ? "0123456789ab" : "0123456789a",
    }));
    const header = formatBaggage(members);
    expect(header).toHaveLength(8192);
    expect(header.split(",")).toHaveLength(512);
    expect(parseBaggage(header)).toHaveLength(512);
  });
});

describe("the specification's text", () => {
  test("W3C-30 reads the example of three members in 86 bytes", () => {
    const header = "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue";
    expect(header).toHaveLength(86);
    expect(parseBaggage(header)).toEqual([
      member("key1", "value1", { key: "property1" }, { key: "property2" }),
      member("key2", "value2"),
      member("key3", "value3", { key: "propertyKey", value: "propertyValue" }),
    ]);
  });

  test("W3C-31 gives the same members for the examples of one header, of two, and of two with white space", () => {
    const alice = [member("userId", "alice"), member("serverNode", "DF 28"), member("isProduction", "false")];
    expect(parseBaggage("userId=alice,serverNode=DF%2028,isProduction=false")).toEqual(alice);
    expect(parseBaggage(["userId=alice", "serverNode=DF%2028,isProduction=false"])).toEqual(alice);
    expect(parseBaggage(["userId =   alice", "serverNode = DF%2028, isProduction = false"])).toEqual(alice);
    expect(formatBaggage(alice)).toBe("userId=alice,serverNode=DF%2028,isProduction=false");
  });

  test("W3C-32 encodes a value beyond ASCII as the example does", () => {
    const entries = [
      { key: "userId", value: "Amélie" },
      { key: "serverNode", value: "DF 28" },
      { key: "isProduction", value: false },
    ];
    expect(formatBaggage(entries)).toBe("userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false");
  });

  test("W3C-33 encodes the percent sign, so that what looks encoded is read back as it was", () => {
    const members = [member("k", "100%", { key: "p", value: "%20" })];
    expect(formatBaggage(members)).toBe("k=100%25;p=%2520");
    expect(parseBaggage(formatBaggage(members))).toEqual(members);
  });

  test("W3C-34 puts U+FFFD in the place of octets that are no UTF-8, in values and in properties", () => {
    expect(parseBaggage("k=a%FFb;p=%C3")).toEqual([member("k", "a\ufffdb", { key: "p", value: "\ufffd" })]);
  });

  test.each([
    ["a", "é"],
    ["a", "中"],
    ["k", "v;"],
  ])("W3C-35 propagates no part of a member that does not fit (%s=%s…)", (key, char) => {
    const long = { key, value: char.repeat(8192) };
    expect(formatBaggage([{ key: "first", value: 1 }, long])).toBe("first=1");
    expect(mergeBaggage("first=1", [long])).toBe("first=1");
  });

  test("W3C-36 applies the limit to all header lines together", () => {
    const lines = ["a", "b", "c", "d", "e"].map((key) => `${key}=${"v".repeat(2046)}`);
    expect(parseBaggage(lines).map(({ key }) => key)).toEqual(["a", "b", "c"]);
  });

  test("W3C-37 keeps the order of the others' duplicates when it changes the list", () => {
    expect(mergeBaggage("a=1,b=2,a=3", [{ key: "c", value: 4 }])).toBe("a=1,b=2,a=3,c=4");
  });

  test("W3C-38 writes no two members with one key", () => {
    expect(
      formatBaggage([
        { key: "a", value: 1 },
        { key: "b", value: 2 },
        { key: "a", value: 3 },
      ]),
    ).toBe("a=3,b=2");
  });
});
