import http from "node:http";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { arrivals, openStage, own, startRedirectingServer } from "./service-stage.ts";

const denied = await startRedirectingServer();
const { close } = await openStage({ propagateTo: ["http://named.test"] });

afterEach(() => denied.clear());
afterAll(async () => {
  await close();
  await denied.close();
});

function late(set: (request: http.ClientRequest) => void, headers: http.OutgoingHttpHeaders = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(denied.origin, { headers }, (response) => response.resume().on("end", resolve));
    request.on("error", reject);
    set(request);
    request.end();
  });
}

describe("headers that are set on a request of node:http after it was made", () => {
  test.each([
    ["setHeader", (request: http.ClientRequest) => void request.setHeader("baggage", `user=1,${own("x")}`)],
    ["setHeader with a list", (request: http.ClientRequest) => void request.setHeader("Baggage", ["user=1", own("x")])],
    [
      "setHeaders",
      (request: http.ClientRequest) => void request.setHeaders(new Headers({ baggage: `user=1,${own("x")}` })),
    ],
    ["appendHeader", (request: http.ClientRequest) => void request.appendHeader("baggage", `user=1,${own("x")}`)],
    [
      "an encoded key",
      (request: http.ClientRequest) => void request.setHeader("baggage", "user=1,experiment%2Ea.id=x"),
    ],
  ])("OUT-L1 by %s: own members leave as little as those that were given at once", async (_name, set) => {
    await late(set);
    expect(arrivals(denied)).toEqual([["user=1"]]);
  });

  test("OUT-L2 by appendHeader behind what was given at once: one line", async () => {
    await late((request) => void request.appendHeader("baggage", `last=2,${own("x")}`), { baggage: "user=1" });
    expect(arrivals(denied)).toEqual([["user=1,last=2"]]);
  });

  test("OUT-L3 a ticket that a stranger sent is taken off as well", async () => {
    await late((request) => void request.setHeader("otel-experiments-ticket", "anything"));
    expect(arrivals(denied)).toEqual([[]]);
  });
});
