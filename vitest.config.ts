import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { entries } from "./package-entries.ts";

const alias = Object.entries(entries).map(([name, { source }]) => ({
  find: new RegExp(`^otel-experiments${name === "." ? "" : name.slice(1)}$`),
  replacement: fileURLToPath(new URL(source, import.meta.url)),
}));

/** Files that open no socket and start no process. `npm test -- quick` runs them. */
const WITHOUT_SOCKETS = ["test/{unit,project,report/statistics}/**/*.test.ts"];

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: WITHOUT_SOCKETS, setupFiles: ["test/support/no-sockets.ts"] } },
      {
        extends: true,
        test: {
          name: "wire",
          include: ["test/**/*.test.ts"],
          exclude: WITHOUT_SOCKETS,
          globalSetup: ["test/support/packing-folder.ts"],
        },
      },
    ],
    // OpenTelemetry's globals, its patches and the diagnostics channels belong to a process, so each file has its own.
    pool: "forks",
    isolate: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
