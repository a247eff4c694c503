import http from "node:http";
import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, afterEach, expect, test } from "vitest";
import { SHOWS_DESTINATION } from "./node-http.ts";
import { arrivals, openStage, own, startRedirectingServer } from "./service-stage.ts";

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });

afterEach(() => {
  allowed.clear();
  denied.clear();
});
afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
});

function send(url: string, headers: http.OutgoingHttpHeaders | readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { headers }, (response) => response.resume().on("end", resolve));
    request.on("error", reject).end();
  });
}

test.each([
  ["an object", { Expect: "100-continue", baggage: `user=1,${own("x")}` }],
  ["an object of lists", { expect: "100-continue", baggage: ["user=1", own("x")] }],
  ["a flat array", ["expect", "100-continue", "baggage", "user=1", "baggage", own("x")]],
])("OUT-L4 with Expect in %s: own members that the caller wrote do not leave", async (_name, headers) => {
  await send(denied.origin, headers);
  expect(arrivals(denied)).toEqual([["user=1"]]);
});

test("OUT-L5 with Expect: a wrapped fetch over node:http sends no ticket, and own members where they may go", async () => {
  const over = experimentFetch(experiments, async (input: string, init?: RequestInit) => {
    await send(input, { ...Object.fromEntries(new Headers(init?.headers)), expect: "100-continue" });
  });
  await serve(own("express"), async () => {
    await over(denied.origin);
    await over(allowed.origin);
  });
  expect(arrivals(denied)).toEqual([[]]);
  expect(arrivals(allowed)).toEqual([SHOWS_DESTINATION ? [own("express")] : []]);
});
