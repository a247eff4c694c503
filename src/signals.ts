/**
 * The boundary between the core and what decorates OpenTelemetry's own signals: spans, log records, measurements,
 * carriers. Internal, unlike `adapter.ts`: what stands here changes with the package.
 */
export { ATTR_EXPERIMENT_ID } from "./assignment/assignment.ts";
export { isExperimentKey, KEY_RULE } from "./assignment/names.ts";
export { extractCarrier, injectCarrier } from "./carriers/carrier-propagation.ts";
export { writeEverywhereByDefault } from "./egress/everywhere.ts";
export { ExperimentConfigError } from "./errors.ts";
export { nearestName } from "./nearest-name.ts";
export { checkOptions, type GivenOptions, listOf, unknownOption } from "./option-checks.ts";
export { takeRegistration } from "./process-state.ts";
export { holds } from "./propagation/predicate.ts";
export type { RequestScope } from "./scope.ts";
export { latestScope, metricPairOf, notedScope, noteOrigin } from "./scope-finding.ts";
export { show } from "./show.ts";
export { awaitClientSpan, forgetClientSpan } from "./telemetry/awaited-client-spans.ts";
export { claimExtracted } from "./telemetry/carried-span.ts";
export { advise, attempt } from "./telemetry/diagnostics.ts";
export { withPair } from "./telemetry/meter.ts";
export { SCOPE_NAME } from "./version.ts";
