import { defineConfig, type UserConfig } from "tsdown";
import { commands, entries } from "./package-entries.ts";

const sources = Object.values(entries).map(({ source }) => source);

const shared: UserConfig = {
  platform: "node",
  target: "node22.15",
  // One file for each source, so that a stack trace reads like the source.
  unbundle: true,
  dts: { oxc: true },
  fixedExtension: false,
  report: false,
};

export default defineConfig([
  {
    ...shared,
    entry: [...sources, ...Object.values(commands)],
    format: "esm",
    sourcemap: true,
    clean: true,
    logLevel: "warn",
  },
  {
    ...shared,
    entry: sources,
    format: "cjs",
    outDir: "dist/cjs",
    // As ES modules are.
    outputOptions: { strict: true },
    clean: false,
    // Its only warning is that ES modules are better.
    logLevel: "error",
  },
]);
