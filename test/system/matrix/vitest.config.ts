import { configDefaults, mergeConfig } from "vitest/config";
import base from "../../../vitest.config.ts";
import { leftOutOn } from "./left-out.ts";
import { majorsOf } from "./majors.ts";

export default mergeConfig(base, {
  test: {
    setupFiles: ["./test/system/matrix/setup.ts"],
    exclude: [...configDefaults.exclude, ...leftOutOn(majorsOf(process.cwd()))],
  },
});
