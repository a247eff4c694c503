/** The version of this package, as the name of our instrumentation scope gives it. Held to package.json by a test. */
export const VERSION = "0.1.0";

/** The name of our instrumentation scope. */
export const SCOPE_NAME = "otel-experiments";
