/** The version of this package and of its instrumentation scope. A test compares it with package.json. */
export const VERSION = "0.1.0";

/** The name of the package's instrumentation scope. */
export const SCOPE_NAME = "otel-experiments";
