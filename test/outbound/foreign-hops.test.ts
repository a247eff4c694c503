import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const { experiments, serve, close } = await openStage({
  propagateTo: [allowed.origin],
  foreignBaggage: "allowed-only",
});
afterEach(() => {
  allowed.clear();
  denied.clear();
});
afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
});

describe.each(undiciMajors)('foreignBaggage: "allowed-only" with the interceptor of $name', ({ undici, major }) => {
  test.each([
    ["outside", true],
    ["inside", false],
  ])(
    "OUT-F8 the others' members come along on the hop that may have them, ours %s of redirect",
    async (_name, outside) => {
      const agent = new undici.Agent();
      const redirect = undici.interceptors.redirect({ maxRedirections: 2 });
      const ours = experimentInterceptor(experiments);
      const dispatcher = agent.compose(outside ? [redirect, ours] : [ours, redirect]);
      const url = `${denied.origin}${go(302, `${allowed.origin}/x`)}`;
      for (const headers of [{ baggage: "user=1" }, ["baggage", "user=1"]]) {
        await serve(own("express"), async () => (await undici.request(url, { dispatcher, headers })).body.dump());
      }
      await agent.close();
      expect(arrivals(denied)).toEqual([[], []]);
      // undici 7 hides whose the second hop is, and nothing of ours was on the first.
      const line = major === 7 && outside ? "user=1" : `user=1,${own("express")}`;
      expect(arrivals(allowed)).toEqual([[line], [line]]);
    },
  );
});
