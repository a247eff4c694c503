import type { KnipConfig } from "knip";
import { adaptersOf, commands, entries } from "./package-entries.ts";

const harnesses = [
  ...adaptersOf("inbound").map((adapter) => `test/support/frameworks/${adapter}.ts`),
  ...adaptersOf("outbound").map((adapter) => `test/support/clients/${adapter}.ts`),
];

const config: KnipConfig = {
  workspaces: {
    ".": {
      entry: [
        ...Object.values(entries).map(({ source }) => source),
        ...Object.values(commands),
        ...harnesses,
        "test/system/cli/shop.ts",
        "test/register/shop/{app,plain}.*",
        "bench/run.ts",
        "bench/servers/{server,caller,generator}.ts",
        "examples/checkout/*/{main,telemetry}.ts",
        "examples/checkout/database/*.ts",
        "examples/checkout/gateway/page/shop.js",
        "scripts/*",
        "test/system/docs/node-test.ts",
        "test/system/package/exported/*.ts",
        "test/system/migrating/{by-hand,with-package}.ts",
        "test/system/docs/testing/unit-node.ts",
        "test/system/signals/child/*.ts",
        "test/system/first-hour/{telemetry,programs/*}.ts",
        "test/system/first-hour/quick-start/*.mjs",
        "test/system/matrix/vitest.config.ts",
        "test/system/matrix/setup.ts",
      ],
      project: [
        "src/**",
        "adapters/**",
        "cli/**",
        "testing/**",
        "test/**",
        "bench/**",
        "examples/**",
        "scripts/**",
        "*.ts",
      ],
    },
    report: { project: ["**"] },
  },
  ignoreDependencies: [
    "@opentelemetry/auto-instrumentations-node",
    "@arethetypeswrong/cli",
    "jest-29",
    "jest-30",
    "mocha",
    "oxlint",
    "oxlint-tsgolint",
    "typescript-5",
  ],
  // Debian's, not npm's; the test that uses it is skipped where it is missing.
  ignoreBinaries: ["promtool"],
};

export default config;
