import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, expect, test } from "vitest";
import { interleave, tallyByWay } from "../../support/clients/interleaving.ts";
import { pooledWays } from "../../support/clients/pooled-ways.ts";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { startDisorderlyServer } from "../../support/disorderly-server.ts";
import { openStage } from "../../support/service-stage.ts";

const CALLS = 96;
/** So that each connection of a small pool has a queue. */
const AT_ONCE = 24;

const server = await startDisorderlyServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });

afterAll(async () => {
  await close();
  await server.close();
});

const interceptor = experimentInterceptor(experiments);
const wrapFetch = (inner: typeof fetch): typeof fetch => experimentFetch(experiments, inner);

const ways = undiciMajors.flatMap((major) => [
  ...pooledWays(major, server.origin, { interceptor }),
  ...pooledWays(major, server.origin, { fetch: wrapFetch }).flatMap((way) =>
    way.name.includes("fetch") ? [{ ...way, name: `${way.name}, wrapped` }] : [],
  ),
]);

test.each(ways)(
  "OUT-P1 $name: each request over a pooled connection has its own variant, none is wrong, none is missing",
  async (way) => {
    server.clear();
    await interleave({ ways: [way], origin: server.origin, calls: CALLS, atOnce: AT_ONCE, serve });
    const right = CALLS * way.hops;
    expect(tallyByWay(server.requests)).toEqual(new Map([[way.name, { right, wrong: 0, missing: 0 }]]));
    expect(server.requests.flatMap(({ lines }) => lines).filter((line) => line.includes("ticket"))).toEqual([]);
  },
);
