import { createRequire } from "node:module";
import { trace } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import type { Registry } from "otel-experiments";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import type pgModule from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { type Database, startDatabase } from "../../support/database.ts";
import { createOpen } from "../../support/experiments.ts";
import { expressHarness } from "../../support/frameworks/express.ts";
import { requireExpress } from "../../support/frameworks/required.ts";
import { startTracing } from "../../support/tracing.ts";

// The instrumentation binds the callbacks of queries and of waiting clients to OpenTelemetry's context.
const USERS = 30;
const tracing = startTracing([new HttpInstrumentation(), new PgInstrumentation()], undefined, [
  new ExperimentSpanProcessor(),
]);
// why: require() returns the package's exports; an import would come before the instrumentation
const { Pool } = createRequire(import.meta.url)("pg") as typeof pgModule;
let database: Database;

beforeAll(async () => {
  database = await startDatabase();
});

afterAll(async () => {
  await database.close();
  await tracing.stop();
});

const variants: readonly string[] = Array.from({ length: USERS }, (_, user) => `v${user}`);
const registry: Registry = { checkout: { id: "checkout_1", variants, assigner: ({ subject }) => `v${subject}` } };

test("BND-20 each of 30 users gets an own variant in the callbacks of a pg.Pool with one client", async () => {
  const experiments = createOpen({ experiments: registry });
  const pool = new Pool({ host: database.folder, user: "postgres", database: "postgres", max: 1 });
  const server = await expressHarness("Express", requireExpress()).serve({
    mount: [experiments],
    async handler({ request, reply }) {
      const user = (request.url ?? "").slice(1);
      const pay = async (): Promise<void> => {
        await experiments.assign("checkout", user);
        trace.getTracer("shop").startSpan(`paid by ${user}`).end();
        reply(200, String(experiments.use("checkout")));
      };
      await new Promise<Promise<void>>((resolve) => {
        pool.connect((_failed, client, release) => {
          client?.query("SELECT 1", () => {
            release();
            resolve(pay());
          });
        });
      });
    },
  });
  const answers = await Promise.all(variants.map((_, user) => send(server.port, { path: `/${user}` })));
  await tracing.serverSpans(USERS);
  await server.close();
  await pool.end();
  expect(answers.map(({ body }) => body)).toEqual(variants);
  const onSpans = variants.map((_, user) => {
    const paid = tracing.spans().find(({ name }) => name === `paid by ${user}`);
    return paid?.attributes["experiment.variant"];
  });
  expect(onSpans).toEqual(variants);
});
