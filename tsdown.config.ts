import { defineConfig } from "tsdown";
import { commands, entries } from "./package-entries.ts";

export default defineConfig({
  entry: [...Object.values(entries).map(({ source }) => source), ...Object.values(commands)],
  format: "esm",
  platform: "node",
  target: "node22.15",
  // One file for each source, so that a stack trace reads like the source.
  unbundle: true,
  dts: { oxc: true },
  fixedExtension: false,
  sourcemap: true,
  clean: true,
  report: false,
  logLevel: "warn",
});
