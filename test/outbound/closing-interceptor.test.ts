import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import type { Interceptor } from "./harness/undici.ts";
import { arrivals, openStage, own } from "./service-stage.ts";
import { undiciMajors } from "./undici-majors.ts";

const gate: { open: () => void; wait: Promise<void> } = { open: () => undefined, wait: Promise.resolve() };
const server = await startWireServer(async ({ start }) => {
  await gate.wait;
  const path = start.split(" ")[1] ?? "";
  return path.startsWith("/hop/") ? { status: 307, lines: [`location: ${path.slice("/hop".length)}`] } : {};
});
function shut(): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  gate.open = resolve;
}
function ticketsOf(from: WireServer): readonly string[] {
  return arrivals(from)
    .flat()
    .filter((line) => line.includes("ticket"));
}

afterEach(() => server.clear());
afterAll(() => server.close());

describe.each(undiciMajors)("requests of $name that are under way when their experiments are closed", ({ undici }) => {
  test("OUT-C9 those that wait for a connection show no ticket", async () => {
    shut();
    const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
    const pool = new undici.Pool(server.origin, { connections: 1 });
    const dispatcher = pool.compose(experimentInterceptor(experiments));
    await serve(own("express"), async () => {
      const answers = [1, 2, 3].map(async (i) =>
        (await undici.request(`${server.origin}/${i}`, { dispatcher })).body.dump(),
      );
      while (server.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      gate.open();
      await Promise.all(answers);
    });
    await pool.close();
    await close();
    expect(ticketsOf(server)).toEqual([]);
  });

  const orders = [
    ["outside", (ours: Interceptor, redirect: Interceptor) => [redirect, ours]],
    ["inside", (ours: Interceptor, redirect: Interceptor) => [ours, redirect]],
  ] as const;

  test.each(orders)("OUT-C10 the hops that follow show no ticket, ours %s of redirect", async (_name, order) => {
    shut();
    const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
    const agent = new undici.Agent();
    const redirect = undici.interceptors.redirect({ maxRedirections: 3 });
    const dispatcher = agent.compose(order(experimentInterceptor(experiments), redirect));
    await serve(own("express"), async () => {
      const answer = undici.request(`${server.origin}/hop/hop/x`, { dispatcher });
      while (server.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      gate.open();
      await (await answer).body.dump();
    });
    await agent.close();
    await close();
    expect(server.requests).toHaveLength(3);
    expect(ticketsOf(server)).toEqual([]);
  });
});
