import { signOverride } from "otel-experiments/override";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

describe("what servers and clients say of HTTP", () => {
  beforeEach(() => vi.resetModules());
  afterEach(() => vi.unstubAllEnvs());

  const load = () => import("../../../src/http-spans/http-attributes.ts");

  test("HTA-01 a known method stands as it is, another one is _OTHER and HTTP in a name", async () => {
    const { methodAttributes, methodOf, spanName } = await load();
    expect(methodAttributes("GET")).toEqual({ "http.request.method": "GET" });
    expect(methodAttributes("QUERY")).toEqual({ "http.request.method": "QUERY" });
    expect(methodAttributes("PURGE")).toEqual({
      "http.request.method": "_OTHER",
      "http.request.method_original": "PURGE",
    });
    expect(methodAttributes("get")["http.request.method"]).toBe("_OTHER");
    expect([methodOf("PATCH"), methodOf("PROPFIND")]).toEqual(["PATCH", "_OTHER"]);
    expect([spanName("GET"), spanName("GET", "/a/:id"), spanName("PURGE"), spanName("PURGE", "/a")]).toEqual([
      "GET",
      "GET /a/:id",
      "HTTP",
      "HTTP /a",
    ]);
  });

  test.each([
    ["GET, PURGE", ["GET", "PURGE", "_OTHER"]],
    [" ", ["GET", "_OTHER", "POST"]],
  ])("HTA-02 the conventions' variable %j says which methods are known", async (variable, expected) => {
    vi.stubEnv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", variable);
    const { methodOf } = await load();
    expect(["GET", "PURGE", "POST"].map(methodOf)).toEqual(expected);
  });

  test.each([
    ["", ""],
    ["q=1&sig=abc&b", "q=1&sig=REDACTED&b"],
    ["s%69g=abc&%zz=1", "s%69g=REDACTED&%zz=1"],
    ["Sig=abc&signature=x&sigs=1", "Sig=abc&signature=x&sigs=1"],
    [
      "X-Amz-Signature=a&X-Amz-Credential=b&X-Amz-Security-Token=c&X-Goog-Signature=d&AWSAccessKeyId=e&Signature=f=g",
      [
        "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED",
        "X-Goog-Signature=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED",
      ].join("&"),
    ],
    ["a=%20+%2B&sig", "a=%20+%2B&sig"],
  ])("HTA-03 the query %j is %j", async (query, expected) => {
    const { redactQuery } = await load();
    expect(redactQuery(query)).toBe(expected);
  });

  test("HTA-07 a query has no override, wherever it stands and however it is written", async () => {
    const { redactQuery } = await load();
    const options = { secret: "a secret of the tests", audience: "staging" };
    const token = signOverride({ checkout: "express" }, options);
    const query = (value: string) => `q=v1.2.3&experiment_override=${value}&page=2`;
    for (const value of [token, token.replaceAll(".", "%2E")]) {
      expect(redactQuery(query(value))).toBe(query("REDACTED"));
    }
  });

  test("HTA-04 a URL has no credentials and no secrets", async () => {
    const { redactUrl } = await load();
    expect(redactUrl(new URL("https://user:pass@shop.internal:8443/a%20b?sig=1&q=%41#f"))).toBe(
      "https://REDACTED:REDACTED@shop.internal:8443/a%20b?sig=REDACTED&q=%41#f",
    );
    expect(redactUrl(new URL("http://[::1]:81/"))).toBe("http://[::1]:81/");
    expect(redactUrl(new URL("http://token@shop.internal/?"))).toBe("http://REDACTED:REDACTED@shop.internal/");
  });

  test("HTA-05 an error has the type of its code, else of its name, and no sentence", async () => {
    const { errorType } = await load();
    expect(errorType(Object.assign(new Error("no"), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
    expect(errorType(new TypeError("no"))).toBe("TypeError");
    expect(errorType(Object.assign(new Error("no"), { code: 42, name: "a user 4711 was not found" }))).toBe("_OTHER");
    expect([errorType("text"), errorType(null), errorType(undefined)]).toEqual(["_OTHER", "_OTHER", "_OTHER"]);
  });

  test("HTA-06 what throws when it is looked at has neither type nor message", async () => {
    const { errorType, errorMessage } = await load();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect([errorType(proxy), errorMessage(proxy)]).toEqual(["_OTHER", undefined]);
    expect(errorMessage(new Error("no"))).toBe("no");
  });
});
