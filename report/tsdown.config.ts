import { defineConfig, type UserConfig } from "tsdown";

/** One file, with the distribution functions in it: whoever installs the report gets them without their hundred packages. */
const config: UserConfig = defineConfig({
  cwd: import.meta.dirname,
  entry: ["cli/main.ts"],
  format: "esm",
  platform: "node",
  target: "node22.15",
  dts: false,
  fixedExtension: false,
  minify: true,
  report: false,
  clean: true,
  logLevel: "warn",
});

export default config;
