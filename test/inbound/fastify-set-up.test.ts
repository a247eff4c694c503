import { fastify } from "fastify";
import { ExperimentConfigError } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { expect, test } from "vitest";

test("FA-14 is refused at set-up without experiments", async () => {
  const app = fastify();
  // @ts-expect-error: what a caller without types may do
  await expect(app.register(fastifyExperiments, {})).rejects.toThrow(ExperimentConfigError);
  await app.close();
});
