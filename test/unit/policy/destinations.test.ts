import * as fc from "fast-check";
import { createExperiments, ExperimentConfigError, type PropagateTo } from "otel-experiments";
import { afterAll, describe, expect, test } from "vitest";

const opened: { close(): Promise<void> }[] = [];

function explaining(propagateTo: PropagateTo): (url: string | URL) => { allowed: boolean; reason: string } {
  const experiments = createExperiments({ trustInbound: true, propagateTo });
  opened.push(experiments);
  return (url) => experiments.explain(url);
}

afterAll(async () => {
  for (const experiments of opened) await experiments.close();
});

/** An entry, with URLs that it allows and URLs that it does not. */
interface Judged {
  readonly entry: string;
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
}

const judged: readonly Judged[] = [
  {
    entry: "https://api.shop.internal",
    allowed: [
      "https://api.shop.internal",
      "https://api.shop.internal/",
      "https://api.shop.internal/a/b?c=d#e",
      "https://API.SHOP.INTERNAL/",
      "HTTPS://api.shop.internal/",
      "https://api.shop.internal:443/",
      "https://ａｐｉ.shop.internal/",
      "https://api。shop．internal/",
      "https://%61pi.shop.internal/",
      "https:api.shop.internal/x",
      "https:\\\\api.shop.internal\\x",
      " https://api.shop.internal/ ",
      "https://api.sh\top.internal/",
      "https://api.\u00adshop.internal/",
    ],
    denied: [
      "https://user:pass@api.shop.internal/",
      "http://api.shop.internal/",
      "http://api.shop.internal:443/",
      "https://api.shop.internal:8443/",
      "https://api.shop.internal:80/",
      "https://api.shop.internal./",
      "https://api.shop.internal.evil.com/",
      "https://api.shop.internal@evil.com/",
      "https://api.shop.internal:443@evil.com/",
      "https://api.shop.internal%40evil.com/",
      "https://evil.com/https://api.shop.internal/",
      "https://evil.com/?https://api.shop.internal/",
      "https://evil.com/#https://api.shop.internal/",
      "https://evil.com\\@api.shop.internal/",
      "https://evilapi.shop.internal/",
      "https://evil-api.shop.internal/",
      "https://shop.internal/",
      "https://a.api.shop.internal/",
      "https://api.shop.internal.com/",
      "https://api-shop.internal/",
      "https://аpi.shop.internal/",
      "https://xn--pi-7kc.shop.internal/",
      "https://api.shop.ɪnternal/",
      "https://api.shop.internaI1/",
      "https://api_shop.internal/",
      "wss://api.shop.internal/",
      "ws://api.shop.internal/",
      "ftp://api.shop.internal/",
      "blob:https://api.shop.internal/0",
      "data:text/plain,https://api.shop.internal/",
      "javascript:https://api.shop.internal/",
      "file://api.shop.internal/",
      "queue:orders",
      "/x",
      "//api.shop.internal/",
      "api.shop.internal",
      "",
    ],
  },
  {
    entry: "http://127.0.0.1:4001",
    allowed: [
      "http://127.0.0.1:4001/",
      "http://127.1:4001/",
      "http://2130706433:4001/",
      "http://0x7f000001:4001/",
      "http://0x7f.0.0.1:4001/",
      "http://0177.0.0.01:4001/",
      "http://127.0.0.1.:4001/",
      "http://127.0.0.1:04001/",
    ],
    denied: [
      "http://127.0.0.1/",
      "http://127.0.0.1:4002/",
      "http://127.0.0.1:40010/",
      "http://localhost:4001/",
      "http://127.0.0.2:4001/",
      "http://[::1]:4001/",
      "http://[::ffff:127.0.0.1]:4001/",
      "http://127.0.0.1.evil.com:4001/",
      "http://127.0.0.1:4001@evil.com/",
      "http://0.0.0.0:4001/",
      "https://127.0.0.1:4001/",
    ],
  },
  {
    entry: "http://2130706433:4001/",
    allowed: ["http://127.0.0.1:4001/"],
    denied: ["http://2130706434:4001/"],
  },
  {
    entry: "http://[::1]:4001",
    allowed: [
      "http://[::1]:4001/",
      "http://[0:0:0:0:0:0:0:1]:4001/",
      "http://[0::0001]:4001/",
      "http://[::0.0.0.1]:4001/",
    ],
    denied: ["http://[::2]:4001/", "http://127.0.0.1:4001/", "http://[::1]/", "http://[::ffff:7f00:1]:4001/"],
  },
  {
    entry: "http://[FD00:0::A]",
    allowed: ["http://[fd00::a]/", "http://[fd00::a]:80/"],
    denied: ["http://[fd00::b]/", "http://[fd00::a]:8080/"],
  },
  {
    entry: "HTTP://LocalHost:80",
    allowed: ["http://localhost/", "http://LOCALHOST:80/x"],
    denied: ["https://localhost/", "http://localhost:8080/", "http://localhost./", "http://sub.localhost/"],
  },
  {
    entry: "https://api.shop.internal.",
    allowed: ["https://api.shop.internal./"],
    denied: ["https://api.shop.internal/"],
  },
  {
    entry: "https://bücher.example",
    allowed: ["https://bücher.example/", "https://xn--bcher-kva.example/", "https://BÜCHER.example/"],
    denied: ["https://bucher.example/", "https://buecher.example/"],
  },
  {
    entry: "https://*.shop.internal",
    allowed: [
      "https://api.shop.internal/",
      "https://API.Shop.Internal:443/x",
      "https://xn--pi-7kc.shop.internal/",
      "https://a-b.shop.internal/",
      "https://any.shop.internal/",
      "https://1.shop.internal/",
    ],
    denied: [
      "https://user@api.shop.internal/",
      "https://shop.internal/",
      "https://.shop.internal/",
      "https://..shop.internal/",
      "https://a.b.shop.internal/",
      "https://a..shop.internal/",
      "https://evilshop.internal/",
      "https://api.shop.internal./",
      "https://api.shop.internal.evil.com/",
      "https://api.shop.internal@evil.com/",
      "https://api.shop.internal:8443/",
      "http://api.shop.internal/",
      "https://*shop.internal/",
    ],
  },
  {
    entry: "http://*.shop.internal:8080",
    allowed: ["http://a.shop.internal:8080/"],
    denied: ["http://a.shop.internal/", "http://a.shop.internal:80/", "http://shop.internal:8080/"],
  },
  {
    entry: "https://*.BÜCHER.example/",
    allowed: ["https://a.bücher.example/", "https://a.xn--bcher-kva.example/"],
    denied: ["https://bücher.example/", "https://a.bucher.example/"],
  },
  {
    entry: "queue:orders",
    allowed: ["queue:orders"],
    denied: [
      "queue:order",
      "queue:orders2",
      "queue:Orders",
      "queue://orders",
      "http://orders/",
      "https://queue/orders",
    ],
  },
];

describe.each(judged)("propagateTo: $entry", ({ entry, allowed, denied }) => {
  const explain = explaining([entry]);

  test("OUT-D1 what it names is allowed, and the reason says by which entry", () => {
    const verdicts = allowed.map((url) => [url, explain(url).allowed]);
    expect(verdicts).toEqual(allowed.map((url) => [url, true]));
    for (const url of allowed) expect(explain(url).reason).toMatch(/^propagateTo names /);
  });

  test("OUT-D2 what it does not name is denied, and the reason says so", () => {
    const verdicts = denied.map((url) => [url, explain(url).allowed]);
    expect(verdicts).toEqual(denied.map((url) => [url, false]));
    for (const url of denied) expect(explain(url).reason).not.toBe("");
  });

  test("OUT-D3 a URL is judged as its text is", () => {
    const urls = [...allowed, ...denied].flatMap((url) => URL.parse(url) ?? []);
    expect(urls.map((url) => explain(url))).toEqual(urls.map(({ href }) => explain(href)));
  });
});

describe("propagateTo by default", () => {
  test("OUT-D4 names nothing", () => {
    const experiments = createExperiments({ trustInbound: true });
    opened.push(experiments);
    expect(experiments.explain("http://127.0.0.1/")).toEqual({
      allowed: false,
      reason: "propagateTo names no destination",
    });
  });
});

function throwing(): boolean {
  throw new Error("broken");
}

function spoiling(url: URL): boolean {
  url.hostname = "named.test";
  url.protocol = "http:";
  return false;
}

describe("a predicate of propagateTo", () => {
  test("OUT-D5 is asked for a URL, and only true allows", () => {
    const asked: string[] = [];
    const explain = explaining([
      (url) => {
        asked.push(url.href);
        return url.hostname.endsWith(".test");
      },
    ]);
    expect(explain("http://a.test/x?y").allowed).toBe(true);
    expect(explain("http://a.example/").allowed).toBe(false);
    expect(asked).toEqual(["http://a.test/x?y", "http://a.example/"]);
  });

  test("OUT-D6 that throws counts as no, and the others are asked still", () => {
    expect(explaining([throwing])("http://a.test/").allowed).toBe(false);
    expect(explaining([throwing, () => true])("http://a.test/").allowed).toBe(true);
    expect(explaining([throwing, "http://a.test"])("http://a.test/").allowed).toBe(true);
  });

  test.each([
    ["a promise of true", Promise.resolve(true)],
    ["1", 1],
    ["a text", "yes"],
    ["an object", {}],
    ["undefined", undefined],
    ["a Boolean object", Object(true)],
  ])("OUT-D7 that gives %s counts as no", (_name, answer) => {
    // why: what a program without types can do
    const predicate = (() => answer) as unknown as () => boolean;
    expect(explaining([predicate])("http://a.test/").allowed).toBe(false);
  });

  test("OUT-D8 that gives a promise which rejects ends nothing", async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on("unhandledRejection", note);
    // why: what a program without types can do
    const predicate = (() => Promise.reject(new Error("later"))) as unknown as () => boolean;
    expect(explaining([predicate])("http://a.test/").allowed).toBe(false);
    await new Promise(setImmediate);
    process.off("unhandledRejection", note);
    // An unhandled rejection ends a process.
    expect(rejections).toEqual([]);
  });

  test("OUT-D9 cannot change the URL that is judged", () => {
    const url = new URL("https://evil.test/x");
    expect(explaining([spoiling, (seen) => seen.hostname === "named.test"])(url).allowed).toBe(false);
    expect(url.href).toBe("https://evil.test/x");
  });

  test("OUT-D10 is asked for HTTP alone", () => {
    const explain = explaining([() => true]);
    expect(explain("http://a.test/").allowed).toBe(true);
    for (const url of ["ftp://a.test/", "ws://a.test/", "file:///x", "blob:http://a.test/0", "about:blank"]) {
      expect(explain(url).allowed).toBe(false);
    }
  });

  test("OUT-D11 is not asked where an origin answers", () => {
    let asked = 0;
    const explain = explaining([() => ++asked > 0, "http://a.test"]);
    expect(explain("http://a.test/").allowed).toBe(true);
    expect(asked).toBe(0);
  });
});

const refused: readonly (readonly [entry: unknown, mend: RegExp])[] = [
  ["", /write an origin/],
  ["*", /write an origin/],
  ["api.shop.internal", /write an origin/],
  ["//api.shop.internal", /write an origin/],
  ["localhost:4001", /write an origin/],
  ["ftp://api.shop.internal", /write an origin/],
  ["ws://api.shop.internal", /write an origin/],
  ["Queue:orders", /write an origin/],
  ["https://", /write an origin/],
  ["https:///", /write an origin/],
  ["http://api.shop.internal:99999", /write an origin/],
  ["http://[::1", /write an origin/],
  ["http://1.2.3.4.5", /write an origin/],
  ["https://user@api.shop.internal", /no user and no password/],
  ["https://user:pass@api.shop.internal", /no user and no password/],
  ["https://@api.shop.internal", /no user and no password/],
  ["https://*", /stands for the whole first label/],
  ["https://*/", /stands for the whole first label/],
  ["https://a.*.internal", /stands for the whole first label/],
  ["https://api*.internal", /stands for the whole first label/],
  ["https://*.*.internal", /stands for the whole first label/],
  ["https://*shop.internal", /stands for the whole first label/],
  ["https://*.*", /stands for the whole first label/],
  ["*://api.shop.internal", /write an origin/],
  ["https://*.[::1]", /write an origin/],
  ["https://*.0.0.1", /write an origin/],
  ["https://*.user@shop.internal", /no user and no password/],
  ["https://api.shop.internal/x", /only scheme, host and port/],
  ["https://api.shop.internal//", /only scheme, host and port/],
  ["https://api.shop.internal/.", /only scheme, host and port/],
  ["https://api.shop.internal/*", /stands for the whole first label/],
  ["https://*.shop.internal/x", /only scheme, host and port/],
  ["https://api.shop.internal?", /only scheme, host and port/],
  ["https://api.shop.internal#", /only scheme, host and port/],
  ["https://api.shop.internal\\", /only scheme, host and port/],
  ["https:\\\\api.shop.internal", /only scheme, host and port/],
  ["https:api.shop.internal", /only scheme, host and port/],
  [" https://api.shop.internal", /only scheme, host and port/],
  ["https://api.shop.internal ", /only scheme, host and port/],
  ["https://api.shop\n.internal", /only scheme, host and port/],
  ["https://a.internal,https://b.internal", /write an origin|only scheme, host and port/],
  ["queue:", /a queue has a name/],
  ["queue:*", /a queue has a name/],
  ["queue: orders", /a queue has a name/],
  [undefined, /write an origin/],
  [null, /write an origin/],
  [4001, /write an origin/],
  [true, /write an origin/],
  [{}, /write an origin/],
  [["https://api.shop.internal"], /write an origin/],
  [/shop/, /write an origin/],
  [new URL("https://api.shop.internal"), /url\.origin/],
  [Symbol("origin"), /write an origin/],
];

function refusalOf(propagateTo: unknown): unknown {
  try {
    // why: what a program without types can do
    opened.push(createExperiments({ trustInbound: true, propagateTo: propagateTo as PropagateTo }));
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("an entry of propagateTo that is none", () => {
  test.each(refused)("OUT-D12 %s is refused with the mend", (entry, mend) => {
    const error = refusalOf(["http://named.test", entry]);
    expect(error).toBeInstanceOf(ExperimentConfigError);
    expect(error).toMatchObject({ code: "ERR_PROPAGATE_TO", message: expect.stringMatching(/^propagateTo holds /) });
    expect(error).toMatchObject({ message: expect.stringMatching(mend) });
  });

  test.each([["https://api.shop.internal"], [{}], [new Set(["https://api.shop.internal"])], [() => true], [true]])(
    "OUT-D13 %s in the place of the list is refused with the mend",
    (propagateTo) => {
      const error = refusalOf(propagateTo);
      expect(error).toMatchObject({ code: "ERR_PROPAGATE_TO", message: expect.stringMatching(/it is a list: write/) });
    },
  );

  test("OUT-D14 leaves no subscription behind", async () => {
    const { hasSubscribers } = await import("node:diagnostics_channel");
    for (const experiments of opened.splice(0)) await experiments.close();
    expect(refusalOf(["nonsense"])).toBeInstanceOf(ExperimentConfigError);
    expect(hasSubscribers("undici:request:create")).toBe(false);
    expect(hasSubscribers("http.client.request.created")).toBe(false);
  });
});

describe("a forward proxy in propagateTo", () => {
  const named = "http://proxy.internal:3128";

  test("TGT-08 is no destination itself, and explain says so", () => {
    const explain = explaining(["http://named.test", { proxy: named }, { proxy: "https://both.internal" }]);
    expect(explain("http://named.test/x").allowed).toBe(true);
    expect(explain(`${named}/x`)).toEqual({
      allowed: false,
      reason: `propagateTo names ${named} only as a proxy; a request through it is judged by its target`,
    });
    expect(
      explaining(["https://both.internal", { proxy: "https://both.internal" }])("https://both.internal/x"),
    ).toEqual({
      allowed: true,
      reason: "propagateTo names https://both.internal",
    });
  });

  test.each([
    { proxy: "http://*.internal:3128" },
    { proxy: new URL(named) },
    { proxy: undefined },
    { proxy: [named] },
    { proxy: named, port: 3128 },
  ])("TGT-09 %j is refused with the mend", (entry) => {
    const error = refusalOf([entry]);
    expect(error).toMatchObject({ code: "ERR_PROPAGATE_TO" });
    expect(error).toMatchObject({
      message: expect.stringMatching(/write { proxy: "http:\/\/proxy.internal:3128" }, with the origin of one proxy/),
    });
  });

  test.each([
    ["http://user:pass@proxy.internal:3128", /write "http:\/\/proxy.internal:3128"/],
    ["proxy.internal:3128", /an origin such as/],
    ["socks5://proxy.internal", /an origin such as/],
    ["http://proxy.internal/x", /only scheme, host and port/],
  ])("TGT-10 %s is refused as the origin of a proxy", (proxy, mend) => {
    expect(refusalOf([{ proxy }])).toMatchObject({ code: "ERR_PROPAGATE_TO", message: expect.stringMatching(mend) });
  });
});

describe("whatever the URL", () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.constantFrom("api.shop.internal", "shop.internal", "a.b.shop.internal", "xshop.internal", "api.shop.internal."),
    fc
      .tuple(fc.domain(), fc.constantFrom(".shop.internal", "shop.internal", "@shop.internal", ".internal"))
      .map((parts) => parts.join("")),
    fc.string({ maxLength: 12 }).map((noise) => `${noise}api.shop.internal`),
    fc.string({ maxLength: 12 }).map((noise) => `api.shop.internal${noise}`),
  );
  const url = fc
    .tuple(
      fc.constantFrom("http:", "https:", "ftp:", "ws:", "blob:http:"),
      host,
      fc.constantFrom("", ":80", ":443", ":81"),
    )
    .map(([scheme, name, port]) => `${scheme}//${name}${port}/x`);

  test("OUT-D15 nothing is allowed whose origin is not named", () => {
    const explain = explaining(["https://api.shop.internal", "http://shop.internal:81"]);
    const named = new Set(["https://api.shop.internal", "http://shop.internal:81"]);
    fc.assert(
      fc.property(url, (text) => {
        const parsed = URL.parse(text);
        const isHttp = parsed?.protocol === "http:" || parsed?.protocol === "https:";
        const isAnonymous = parsed?.username === "" && parsed.password === "";
        expect(explain(text).allowed).toBe(isHttp && isAnonymous && named.has(parsed.origin));
      }),
      { numRuns: 1_000 },
    );
  });

  test("OUT-D16 a star stands for one label and for nothing else", () => {
    const explain = explaining(["https://*.shop.internal"]);
    fc.assert(
      fc.property(url, (text) => {
        const parsed = URL.parse(text);
        const expected =
          parsed !== null &&
          parsed.protocol === "https:" &&
          parsed.username + parsed.password === "" &&
          parsed.port === "" &&
          /^[^.]+\.shop\.internal$/.test(parsed.hostname);
        expect(explain(text).allowed).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  test("OUT-D17 explain never throws", () => {
    const explain = explaining(["https://*.shop.internal", ({ hostname }) => hostname.startsWith("a")]);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), url), (text) => {
        expect(typeof explain(text).allowed).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });

  test("OUT-D18 an entry is either refused or names its own origin", () => {
    fc.assert(
      fc.property(fc.oneof(url, fc.string(), fc.webUrl()), (entry) => {
        expect(outcomeOf(entry)).toMatch(/^(names its origin|no origin|ERR_PROPAGATE_TO)$/);
      }),
      { numRuns: 500 },
    );
  });
});

function outcomeOf(entry: string): string {
  try {
    const experiments = createExperiments({ trustInbound: true, propagateTo: [entry] });
    void experiments.close();
    if (entry.startsWith("queue:") || entry.includes("*")) return "no origin";
    const { allowed, reason } = experiments.explain(new URL(entry).origin);
    return allowed ? "names its origin" : reason;
  } catch (error) {
    return error instanceof ExperimentConfigError ? error.code : String(error);
  }
}
