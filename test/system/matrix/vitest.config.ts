import { configDefaults, mergeConfig } from "vitest/config";
import base from "../../../vitest.config.ts";
import { major } from "./majors.ts";

// The shop is started by `npm start`, on the pinned Node alone, so that it is asked for there, with each SDK.
const elsewhere = major(process.versions.node) === 24 ? [] : ["test/system/examples/**"];

export default mergeConfig(base, {
  test: { setupFiles: ["./test/system/matrix/setup.ts"], exclude: [...configDefaults.exclude, ...elsewhere] },
});
