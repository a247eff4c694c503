import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { entries } from "./package-entries.ts";

const alias = Object.entries(entries).map(([name, { source }]) => ({
  find: new RegExp(`^otel-experiments${name === "." ? "" : name.slice(1)}$`),
  replacement: fileURLToPath(new URL(source, import.meta.url)),
}));

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["test/**/*.test.ts"],
    // OpenTelemetry's globals, its patches and the diagnostics channels belong to a process, so each file has its own.
    pool: "forks",
    isolate: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
