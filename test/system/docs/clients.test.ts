import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { request } from "undici";
import { afterAll, expect, test } from "vitest";
import { startWireServer } from "../../../testing/wire/server.ts";
import { startClientTelemetry } from "../../outbound/client-spans/client-telemetry.ts";

const telemetry = startClientTelemetry();
const { undici } = await import("./clients/instrumentation.ts");
const { experiments } = await import("./clients/experiments.ts");
const { agent, fetch: fetchWithSpans } = await import("./clients/shop.ts");

afterAll(async () => {
  undici.disable();
  await experiments.close();
});

test("DOC-10 the clients of docs/clients.md make one span each, and UndiciInstrumentation those of the others", async () => {
  const server = await startWireServer();
  await (await fetchWithSpans(server.origin)).text();
  await (await request(server.origin, { dispatcher: agent })).body.dump();
  await (await globalThis.fetch(server.origin)).text();
  const spans = await telemetry.ended(3);
  await server.close();
  expect(spans.map(({ instrumentationScope }) => instrumentationScope.name)).toEqual([
    "otel-experiments",
    "otel-experiments",
    "@opentelemetry/instrumentation-undici",
  ]);
});

test("DOC-11 the code of docs/clients.md is the code that runs here", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/clients.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block.trim());
  const sources = globSync("clients/*.ts", { cwd: import.meta.dirname }).map((file) =>
    readFileSync(join(import.meta.dirname, file), "utf8"),
  );
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([]);
});
