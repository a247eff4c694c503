import { AsyncResource } from "node:async_hooks";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, describe, expect, test } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { rawHandler } from "../support/clients/raw-handler.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { openStage, own } from "../support/service-stage.ts";

const server = await startWireServer(() => ({ body: "answer" }));
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
afterAll(async () => {
  await close();
  await server.close();
});

describe.each(undiciMajors)("the handlers of $name over one connection", (major) => {
  const { undici } = major;

  test("DSC-01 call the listeners of a body in the scope of their own request", async () => {
    const client = new undici.Client(server.origin).compose(experimentInterceptor(experiments));
    const seen: string[] = [];
    const call = async (variant: string): Promise<void> => {
      const { body } = await client.request({ origin: server.origin, path: "/", method: "GET" });
      const { promise, resolve } = Promise.withResolvers<void>();
      body.on("data", () => seen.push(`${variant}: ${experiments.variant("checkout")}`)).on("end", resolve);
      await promise;
    };
    await Promise.all(["a", "b", "c"].map((variant) => serve(own(variant), () => call(variant))));
    expect(seen.toSorted()).toEqual(["a: a", "b: b", "c: c"]);
    await client.close();
  });

  test("DSC-02 may be async resources of the application, with methods of their own", async () => {
    const client = new undici.Client(server.origin).compose(experimentInterceptor(experiments));
    const over = Promise.withResolvers<string | undefined>();
    const steps = rawHandler(major, {
      onEnd: () => over.resolve(experiments.variant("checkout")),
      onError: (error) => over.reject(error),
    });
    const elsewhere: AsyncResource = await serve(own("elsewhere"), async () => new AsyncResource("handler"));
    const handler = Object.assign(elsewhere, steps) as Dispatcher.DispatchHandler; // why: it has the methods now
    await serve(own("here"), async () => {
      client.dispatch({ origin: server.origin, path: "/", method: "GET" }, handler);
      expect(await over.promise).toBe("here");
    });
    await client.close();
  });

  test("DSC-03 and of a class of its own, which was made in the scope of another request", async () => {
    const client = new undici.Client(server.origin).compose(experimentInterceptor(experiments));
    const over = Promise.withResolvers<string | undefined>();
    const steps = rawHandler(major, {
      onEnd: () => over.resolve(experiments.variant("checkout")),
      onError: (error) => over.reject(error),
    });
    class Handler extends AsyncResource {}
    Object.assign(Handler.prototype, steps);
    const handler = await serve(own("elsewhere"), async () => new Handler("handler"));
    await serve(own("here"), async () => {
      // why: its class has the methods
      client.dispatch({ origin: server.origin, path: "/", method: "GET" }, handler as Dispatcher.DispatchHandler);
      expect(await over.promise).toBe("here");
    });
    await client.close();
  });
});
