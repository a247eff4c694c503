import { testHeaders } from "otel-experiments/testing";
import request from "supertest";
import { expect, test } from "vitest";
import { app } from "./app.ts";
import { experiments } from "./experiments.ts";

test("GET /cart sells with one click", async () => {
  const { text } = await request(app)
    .get("/cart")
    .set(testHeaders(experiments, { checkout: "one_click" }));
  expect(text).toContain("Buy now");
});
