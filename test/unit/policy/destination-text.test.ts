import { describe, expect, test } from "vitest";
import { Destination } from "../../../src/policy/destination.ts";
import { compileDestinations, type PropagateTo } from "../../../src/policy/destinations.ts";

const lists: readonly PropagateTo[] = [
  ["http://a.internal", "https://b.internal:8443", "http://127.0.0.1:4001"],
  ["https://*.shop.internal", "http://*.internal"],
  [(url) => url.pathname.startsWith("/public/") && url.searchParams.get("q") !== "secret"],
  [],
];

const origins = [
  "http://a.internal",
  "http://A.internal",
  "HTTP://a.internal",
  "http://a.internal:80",
  "http://a.internal:080",
  "http://a.internal.",
  "http://a.internal:81",
  "https://b.internal:8443",
  "https://x.shop.internal",
  "https://x.y.shop.internal",
  "http://127.0.0.1:4001",
  "http://127.1:4001",
  "http://0x7f.1:4001",
  "http://[::1]:4001",
  "http://user@a.internal",
  "http://a.internal@evil.example",
  "http://a.internal\\@evil.example",
  "http://evil.example\\.a.internal",
  "http://a.int\nernal",
  "http://%61.internal",
  "http://a.internal%2f.evil.example",
  "http:a.internal",
  "http:/a.internal",
  "blob:http://a.internal",
  " http://a.internal",
  "//a.internal",
  "ftp://a.internal",
];

const paths = [
  "",
  "/",
  "/public/x?q=1#h",
  "/public/x?q=secret",
  "?q=1",
  "#h",
  "//evil.example/",
  "\\evil.example",
  "/@x",
  " ",
  "\n/x",
];

describe("the destination of a URL's text", () => {
  test.each(lists.map((list, index) => ({ list, index })))(
    "DSTX-01 is judged as that of the parsed URL, list $index",
    ({ list }) => {
      const destinations = compileDestinations(list);
      const texts = origins.flatMap((origin) => paths.map((path) => origin + path));
      const judged = (destination: Destination | undefined): boolean => destination?.allowedBy(destinations) === true;
      const parsed = (text: string): Destination | undefined => {
        const url = URL.parse(text);
        return url === null ? undefined : Destination.of(url);
      };
      const allowed = texts.filter((text) => judged(parsed(text)));
      expect(texts.filter((text) => judged(Destination.ofText(text)))).toEqual(allowed);
      expect(allowed.length > 0).toBe(list.length > 0);
    },
  );

  test("DSTX-02 is none if it is no absolute URL", () => {
    expect(["", "/path", "a.internal/x", "http://"].map((text) => Destination.ofText(text))).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });
});
