/**
 * The boundary between the core and what decorates OpenTelemetry's own signals: spans, log records, measurements,
 * carriers. Internal, unlike `adapter.ts`: what stands here changes with the package.
 */
export { ATTR_EXPERIMENT_ID } from "./assignment/assignment.ts";
export { isExperimentKey, KEY_RULE } from "./assignment/names.ts";
export { claimExtracted } from "./carriers/carried-span.ts";
export { extractCarrier, injectCarrier } from "./carriers/carrier-propagation.ts";
export { advise, attempt } from "./checks/diagnostics.ts";
export { ExperimentConfigError } from "./checks/errors.ts";
export { nearestName } from "./checks/nearest-name.ts";
export { checkOptions, type GivenOptions, listOf, unknownOption } from "./checks/option-checks.ts";
export { holds } from "./checks/predicate.ts";
export { show } from "./checks/show.ts";
export { awaitClientSpan, forgetClientSpan } from "./outbound/awaited-client-spans.ts";
export { writeEverywhereByDefault } from "./outbound/everywhere.ts";
export { processWide } from "./process-wide.ts";
export { latestScope, metricPairOf, notedScope, noteOrigin } from "./scope/finding.ts";
export type { RequestScope } from "./scope/request-scope.ts";
export { withPair } from "./telemetry/meter.ts";
export { SCOPE_NAME } from "./version.ts";
