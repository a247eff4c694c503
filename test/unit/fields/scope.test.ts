import * as fc from "fast-check";
import { createExperiments, type Experiments, type ExperimentsOptions, ExperimentUsageError } from "otel-experiments";
import { boolean, type Fields, integer, list, oneOf, text } from "otel-experiments/fields";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { closed } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import type { PointReader } from "../../support/points.ts";
import { startPoints } from "../../support/points.ts";

// One service, without a wire: what counts, what does not, and what leaves.

const FIELDS = {
  user_tier: oneOf("free", "premium"),
  is_premium: boolean(),
  item_count: integer({ min: 0, max: 999 }).mutable(),
  features: list({ maxItems: 3, maxLength: 16 }),
  region: text({ pattern: /[a-z]{2}-[a-z]+-\d/ }),
  note: text({ maxLength: 1024 }),
};
const CHECKOUT = { id: "checkout_1", variants: ["control", "express"] };
const EXPRESS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";

const diag = recordDiag();
let reader: PointReader;

beforeEach(() => {
  reader = startPoints();
});
afterEach(async () => {
  diag.take();
});

function create(options: Partial<ExperimentsOptions> = {}): Experiments {
  const given = { fields: FIELDS as Fields, trustInbound: true, propagateTo: ["queue:orders"], strict: false };
  return closed(createExperiments({ ...given, ...options }));
}

/** What leaves. */
const sent = (experiments: Experiments): string | undefined =>
  // why: the carrier is an empty object before
  (experiments.inject({}, { to: "queue:orders" }) as { baggage?: string }).baggage;

function rejections(): Promise<Readonly<Record<string, number>>> {
  return reader.sums("experiment.baggage.rejections", "reason");
}

describe("what a trusted caller sent", () => {
  const header = "user_tier=premium,is_premium=true,item_count=3,features=a|b%257C|c%2525,region=eu-west-1,tenant=7";

  test("FLV-01 is read with its type, and passed on as it came, behind the experiments", () => {
    const experiments = create({ experiments: { checkout: CHECKOUT } });
    openRequest(experiments, { header: `${header},${EXPRESS}` }).run(() => {
      const { fields } = experiments;
      expect(fields.get("user_tier")).toBe("premium");
      expect(fields.get("is_premium")).toBe(true);
      expect(fields.get("item_count")).toBe(3);
      expect(fields.get("features")).toEqual(["a", "b|", "c%"]);
      expect(Object.isFrozen(fields.get("features"))).toBe(true);
      expect(fields.get("region")).toBe("eu-west-1");
      expect(fields.get("note")).toBeUndefined();
      expect(sent(experiments)).toBe(`${EXPRESS},${header.replace(",tenant=7", "")}`);
    });
    expect(diag.lines).toEqual([]);
  });

  test.each([
    "user_tier=gold",
    "user_tier=Free",
    "user_tier=",
    "is_premium=1",
    "is_premium=TRUE",
    "item_count=03",
    "item_count=+3",
    "item_count=-0",
    "item_count=3.0",
    "item_count=1e2",
    "item_count=1000",
    "item_count=-1",
    "item_count=",
    "features=a|b|c|d",
    "features=a||b",
    "features=a%2541",
    "features=12345678901234567",
    "region=EU-west-1",
    "region=eu-west-1x",
    "region=eu-west-%0A1",
    "note=",
    "note=a%00b",
    "note=a%0D%0Ab",
    `note=${"x".repeat(1025)}`,
    "note",
    "note=a b",
  ])("FLV-02 and breaks its declaration is dropped and counted: %s", async (member) => {
    const experiments = create();
    openRequest(experiments, { header: member }).run(() => {
      expect(experiments.fields.get(member.split("=")[0] ?? "")).toBeUndefined();
      expect(sent(experiments)).toBeUndefined();
    });
    expect(await rejections()).toEqual({ malformed: 1 });
  });

  test("FLV-03 twice counts once: the first valid one", async () => {
    const experiments = create();
    openRequest(experiments, { header: "user_tier=gold,user_tier=free,user_tier=premium,user_tier=free" }).run(() => {
      expect(experiments.fields.get("user_tier")).toBe("free");
      expect(sent(experiments)).toBe("user_tier=free");
    });
    expect(await rejections()).toEqual({ malformed: 1, duplicate: 2 });
  });

  test.each([
    "note=ada%40example.org",
    "note=Bearer%20abc",
    "note=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
    "note=glpat-0123456789abcdef",
    "features=a|ada%40e.org",
  ])("FLV-04 and looks like a secret is dropped and counted: %s", async (member) => {
    const experiments = create();
    openRequest(experiments, { header: member }).run(() => expect(sent(experiments)).toBeUndefined());
    expect(await rejections()).toEqual({ sensitive: 1 });
  });

  test("FLV-05 without trust counts for nothing, and is counted", async () => {
    const experiments = create({ trustInbound: false });
    openRequest(experiments, { header: `${header},user%5Ftier=free` }).run(() => {
      expect(experiments.fields.get("user_tier")).toBeUndefined();
      expect(experiments.fields.set("user_tier", "free")).toBe(true);
      expect(sent(experiments)).toBe("user_tier=free");
    });
    expect(await rejections()).toEqual({ untrusted: 5, encoded_key: 1 });
  });

  test("FLV-06 comes with a message too, if its broker is trusted", () => {
    const experiments = create({ trustInbound: false });
    const get = (trusted: boolean): unknown =>
      experiments.run({ baggage: header }, () => experiments.fields.get("item_count"), { trusted });
    expect([get(true), get(false)]).toEqual([3, undefined]);
  });
});

describe("a field", () => {
  test("FLV-10 that is set is read, on the scope too, and passed on", () => {
    const experiments = create();
    openRequest(experiments).run(() => {
      const items = ["a", "b|%", "é"];
      expect(experiments.fields.set("features", items)).toBe(true);
      items.push("later");
      expect(experiments.current().fields.get("features")).toEqual(["a", "b|%", "é"]);
      expect(experiments.current().fields.set("is_premium", false)).toBe(true);
      expect(experiments.fields.get("is_premium")).toBe(false);
      expect(experiments.fields.set("item_count", -0)).toBe(true);
      expect(Object.is(experiments.fields.get("item_count"), 0)).toBe(true);
      expect(sent(experiments)).toBe("is_premium=false,item_count=0,features=a|b%257C%2525|%C3%A9");
    });
  });

  test("FLV-11 stands, whoever set it: the same again is fine, another is refused unless it is mutable", () => {
    const experiments = create();
    openRequest(experiments, { header: "user_tier=free,item_count=1,features=a" }).run(() => {
      const { fields } = experiments;
      expect(fields.set("user_tier", "free")).toBe(true);
      expect(fields.set("user_tier", "premium")).toBe(false);
      expect(fields.set("features", ["a"])).toBe(true);
      expect(fields.set("item_count", 2)).toBe(true);
      expect(sent(experiments)).toBe("user_tier=free,item_count=2,features=a");
    });
    const strict = create({ strict: true });
    openRequest(strict, { header: "user_tier=free" }).run(() => {
      expect(strict.fields.set("user_tier", "free")).toBe(true);
      expect(() => strict.fields.set("user_tier", "premium")).toThrow(
        expect.objectContaining({ code: "ERR_FIELD_CHANGED" }),
      );
      expect(strict.fields.get("user_tier")).toBe("free");
    });
  });

  test.each<readonly [string, unknown]>([
    ["user_tier", "gold"],
    ["user_tier", undefined],
    ["is_premium", "true"],
    ["item_count", 1000],
    ["item_count", Number.NaN],
    ["item_count", "3"],
    ["features", "a"],
    ["features", ["a", ""]],
    ["features", ["a", 1]],
    ["features", ["a", "b", "c", "d"]],
    ["region", "nowhere"],
    ["note", "a\nb"],
    ["note", "\ud800"],
    ["note", ""],
  ])("FLV-12 is not set to what breaks its declaration: %s to %j", (name, value) => {
    const given = value as string; // why: callers in JavaScript give what the type forbids
    const experiments = create();
    openRequest(experiments).run(() => {
      expect(experiments.fields.set(name, given)).toBe(false);
      expect(experiments.fields.get(name)).toBeUndefined();
    });
    const strict = create({ strict: true });
    openRequest(strict).run(() => {
      expect(() => strict.fields.set(name, given)).toThrow(ExperimentUsageError);
    });
    expect(diag.take().join()).not.toContain("nowhere");
  });

  test("FLV-21 is not set to a list that throws, and what it throws stays here", () => {
    const experiments = create();
    const hostile = new Proxy(["a"], {
      get() {
        throw new Error("mine");
      },
    });
    openRequest(experiments).run(() => expect(experiments.fields.set("features", hostile)).toBe(false));
  });

  test("FLV-22 that changes is measured as it is then, and not at all where nobody has set it", async () => {
    const experiments = create({ fields: { stage: oneOf("cart", "paid").on("metric").mutable(), tier: text() } });
    const seen = experiments.meter("shop").createCounter("seen");
    openRequest(experiments, { header: "tier=x" }).run(() => {
      seen.add(1);
      experiments.fields.set("stage", "cart");
      seen.add(1);
      experiments.fields.set("stage", "paid");
      seen.add(1);
    });
    seen.add(1);
    const measured = (await reader.points("seen")).map(({ attributes, value }) => [attributes["stage"], value]);
    expect(measured).toEqual([
      [undefined, 2],
      ["cart", 1],
      ["paid", 1],
    ]);
  });

  test("FLV-13 is not set to what looks like a secret, which is counted and not shown, also in strict mode", async () => {
    const experiments = create({ strict: true });
    openRequest(experiments).run(() => {
      expect(experiments.fields.set("note", "mail ada@example.org")).toBe(false);
      expect(sent(experiments)).toBeUndefined();
    });
    expect(await rejections()).toEqual({ sensitive: 1 });
    expect(diag.take()).toEqual([
      "warn: otel-experiments: a value given to note looks like a secret or personal data, and was dropped",
    ]);
  });

  test("FLV-23 that is declared not to be sensitive is set to what looks like a secret, and read from a trusted caller", async () => {
    const fields: Fields = { card_layout: text().notSensitive(), token_names: list().mutable().notSensitive() };
    const experiments = create({ fields, strict: true });
    openRequest(experiments, { header: "card_layout=a%40example.org" }).run(() => {
      expect(experiments.fields.get("card_layout")).toBe("a@example.org");
      expect(experiments.fields.set("token_names", ["sk_live_abc"])).toBe(true);
      expect(sent(experiments)).toBe("card_layout=a@example.org,token_names=sk_live_abc");
    });
    expect(await rejections()).toEqual({});
    expect(diag.take()).toEqual([]);
  });

  test("FLV-14 that is not declared is a mistake to read and to set", () => {
    const strict = create({ strict: true });
    const experiments = create();
    for (const act of [
      (fields: Experiments["fields"]): unknown => fields.get("teir"),
      (fields: Experiments["fields"]): unknown => fields.set("teir", "free"),
      (fields: Experiments["fields"]): unknown => fields.get("__proto__"),
    ]) {
      openRequest(strict).run(() => {
        expect(() => act(strict.fields)).toThrow(expect.objectContaining({ code: "ERR_UNKNOWN_FIELD" }));
      });
      openRequest(experiments).run(() => expect(act(experiments.fields) ?? false).toBe(false));
    }
  });

  test("FLV-15 is not set outside a request, which is said once", () => {
    const experiments = create({ strict: true });
    expect([experiments.fields.set("user_tier", "free"), experiments.fields.set("user_tier", "free")]).toEqual([
      false,
      false,
    ]);
    expect(experiments.fields.get("user_tier")).toBeUndefined();
    expect(diag.take()).toEqual([
      'warn: otel-experiments: fields.set("user_tier", …) was called outside a request and does nothing; call it behind the middleware',
    ]);
  });

  test("FLV-16 is the request's own: another one's and a message's within it have theirs", () => {
    const experiments = create();
    const other = openRequest(experiments, { header: "user_tier=free" });
    openRequest(experiments, { header: "user_tier=premium" }).run(() => {
      expect(other.run(() => experiments.fields.get("user_tier"))).toBe("free");
      expect(experiments.run({}, () => experiments.fields.get("user_tier"))).toBeUndefined();
      expect(experiments.fields.get("user_tier")).toBe("premium");
    });
  });

  test("FLV-17 goes to no destination that is not allowed, and takes a stranger's place in a carrier", () => {
    const experiments = create();
    openRequest(experiments, { header: "user_tier=free" }).run(() => {
      const carrier = { baggage: "user_tier=premium,tenant=7,user%5Ftier=EVIL" };
      expect(experiments.inject({ ...carrier }, { to: "queue:others" })).toEqual({ baggage: "tenant=7" });
      expect(experiments.inject({ ...carrier }, { to: "queue:orders" })).toEqual({
        baggage: "tenant=7,user_tier=free",
      });
    });
  });

  test("FLV-18 has a length by its text: it comes behind experiments in 4096 bytes, and is left out whole", async () => {
    const fields: Fields = { a: text({ maxLength: 1024 }), b: text({ maxLength: 1024 }), c: text({ maxLength: 1024 }) };
    const more: Fields = { ...fields, d: text({ maxLength: 1024 }), e: text() };
    const experiments = create({ fields: more, experiments: { checkout: CHECKOUT } });
    openRequest(experiments, { header: EXPRESS }).run(() => {
      for (const name of ["a", "b", "c", "d"]) experiments.fields.set(name, "x".repeat(1024));
      experiments.fields.set("e", "small");
      const line = sent(experiments) ?? "";
      expect(line.length).toBeLessThanOrEqual(4096);
      expect(line.split(",").map((member) => member.split("=")[0])).toEqual([
        "experiment.checkout.variant",
        "experiment.checkout.id",
        "a",
        "b",
        "c",
        "e",
      ]);
    });
    expect(await rejections()).toEqual({ over_limit: 1 });
  });

  test("FLV-19 has the room that the others' baggage leaves in 8192 bytes, and is counted where it has none", async () => {
    const experiments = create();
    openRequest(experiments, { header: "user_tier=free,note=abc" }).run(() => {
      const foreign = `f=${"v".repeat(8192 - 2 - ",user_tier=free".length)}`;
      expect(experiments.inject({ baggage: foreign }, { to: "queue:orders" })).toEqual({
        baggage: `${foreign},user_tier=free`,
      });
    });
    expect(await rejections()).toEqual({ over_limit: 1 });
  });

  test("FLV-20 is that of the experiments that have the request, where a process has several", () => {
    const one = create({ fields: { plan: oneOf("a", "b") } });
    const other = create({ fields: { plan: oneOf("a", "b"), zone: text() } });
    openRequest(one, { header: "plan=a,zone=x" }).run(() => {
      expect(one.fields.get("plan")).toBe("a");
      expect(other.fields.get("plan")).toBeUndefined();
      expect(sent(one)).toBe("plan=a");
    });
  });
});

describe("whatever is given", () => {
  const values: fc.Arbitrary<readonly [string, string | number | boolean | readonly string[]]> = fc.oneof(
    fc.tuple(fc.constant("user_tier"), fc.constantFrom("free", "premium")),
    fc.tuple(fc.constant("is_premium"), fc.boolean()),
    fc.tuple(fc.constant("item_count"), fc.integer({ min: 0, max: 999 })),
    fc.tuple(
      fc.constant("features"),
      fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 16 }), { maxLength: 3 }),
    ),
    fc.tuple(
      fc.constant("features"),
      fc.array(
        fc.string({
          unit: fc.constantFrom("|", "%", "7", "C", "2", "5", ",", "=", ";", " "),
          minLength: 1,
          maxLength: 9,
        }),
        { maxLength: 3 },
      ),
    ),
    fc.tuple(fc.constant("note"), fc.string({ unit: "binary", minLength: 1, maxLength: 100 })),
    fc.tuple(
      fc.constant("note"),
      fc.string({ unit: fc.constantFrom("%", ",", ";", "=", "\\", '"', " ", "é", "😀", "a"), minLength: 1 }),
    ),
  );

  test("FLV-30 what is written is what another service reads", () => {
    const experiments = create();
    let written = 0;
    fc.assert(
      fc.property(values, ([name, value]) => {
        const line = openRequest(experiments).run(() =>
          experiments.fields.set(name, value) ? sent(experiments) : undefined,
        );
        if (line === undefined) return;
        written++;
        openRequest(experiments, { header: `x=1,${line}` }).run(() => {
          expect(experiments.fields.get(name)).toEqual(value);
          expect(sent(experiments)).toBe(line);
        });
      }),
      { numRuns: 2000 },
    );
    expect(written).toBeGreaterThan(500);
  });

  test("FLV-31 no header throws, and what it brings keeps its declaration", () => {
    const experiments = create();
    const name = fc.constantFrom(...Object.keys(FIELDS));
    const piece = fc.oneof(
      name,
      fc.constantFrom(",", "=", ";", "|", "%", "%25", "%7C", "true", "3", "free", "eu-west-1", " ", "\t", "\u00a0"),
      fc.string({ unit: "binary", maxLength: 6 }),
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            piece,
            fc.tuple(name, piece).map(([key, value]) => `,${key}=${value},`),
          ),
          { maxLength: 30 },
        ),
        (pieces) => {
          openRequest(experiments, { header: pieces.join("") }).run(() => {
            const { fields } = experiments;
            expect(["free", "premium", undefined]).toContain(fields.get("user_tier"));
            expect([true, false, undefined]).toContain(fields.get("is_premium"));
            expect(String(fields.get("region") ?? "eu-west-1")).toMatch(/^[a-z]{2}-[a-z]+-\d$/);
            const count = fields.get("item_count") ?? 0;
            expect(Number.isInteger(count) && Number(count) >= 0 && Number(count) <= 999).toBe(true);
          });
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("FLV-32 nothing that looks like a secret leaves", () => {
    const experiments = create();
    const secret = fc.oneof(
      fc.emailAddress(),
      fc.constantFrom(
        "glpat-0123456789abcdef",
        "Bearer abc",
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.",
      ),
    );
    fc.assert(
      fc.property(secret, fc.string({ unit: fc.constantFrom(" ", "(", "é"), maxLength: 3 }), (value, near) => {
        const given = `${near} ${value}`.trimEnd();
        openRequest(experiments).run(() => {
          expect(experiments.fields.set("note", given)).toBe(false);
          expect(sent(experiments)).toBeUndefined();
        });
        openRequest(experiments, { header: `note=${encodeURIComponent(given)}` }).run(() => {
          expect(sent(experiments)).toBeUndefined();
        });
      }),
    );
  });
});
