import "reflect-metadata";
import { Controller, Get, type INestApplication, Logger, Module } from "@nestjs/common";
import { expect, test, vi } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { experiments } from "../../system/docs/shop-experiments.ts";
import { onExpress, onFastify } from "./documented-apps.ts";

Logger.overrideLogger(false);

class Cart {
  show(): string {
    return experiments.variant("checkout") ?? "none";
  }
}

class AppModule {
  readonly name = "shop";
}

const show = Object.getOwnPropertyDescriptor(Cart.prototype, "show") ?? {};
Get("cart")(Cart.prototype, "show", show);
Controller()(Cart);
Module({ controllers: [Cart] })(AppModule);

test.each([
  ["Express", onExpress],
  ["Fastify", onFastify],
])("NE-10 the page about frameworks serves the variant on NestJS over %s", async (_name, serve) => {
  vi.stubEnv("PORT", "0");
  const app: INestApplication = await serve(AppModule);
  vi.unstubAllEnvs();
  // why: a server on a TCP port has an address of this form
  const { port } = app.getHttpServer().address() as { port: number };
  const { body } = await send(port, {
    path: "/cart",
    lines: ["baggage: experiment.checkout.variant=one_click", "connection: close"],
  });
  await app.close();
  expect(body).toBe("one_click");
});
