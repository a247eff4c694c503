/**
 * The boundary between the core and the adapters of OpenTelemetry's own signals: spans, log records, measurements,
 * carriers. Internal, unlike `adapter.ts`: these exports change with the package.
 */
export { namesExperiment } from "./assignment/assignment.ts";
export { isExperimentKey, KEY_RULE } from "./assignment/names.ts";
export { claimExtracted, endExtracted } from "./carriers/carried-span.ts";
export { extractCarrier, injectCarrier } from "./carriers/carrier-propagation.ts";
export { API } from "./checks/api-global.ts";
export { describeValue } from "./checks/describe-value.ts";
export { attempt, warnOnce } from "./checks/diagnostics.ts";
export { ExperimentConfigError } from "./checks/errors.ts";
export { nearestName } from "./checks/nearest-name.ts";
export { checkOptions, type GivenOptions, listOf } from "./checks/option-checks.ts";
export { variableIn } from "./checks/own-option.ts";
export { askPredicate } from "./checks/predicate.ts";
export { writeForAllClientsByDefault } from "./outbound/all-clients.ts";
export { awaitClientSpan, forgetClientSpan } from "./outbound/awaited-client-spans.ts";
export { processWide } from "./process-wide.ts";
export { metricPairOf } from "./scope/chain.ts";
export { latestScope, setOriginFromContext } from "./scope/finding.ts";
export { getOrigin } from "./scope/origin.ts";
export type { RequestScope } from "./scope/request-scope.ts";
export { API_LOGS, loggerProviderOf } from "./telemetry/api-logs.ts";
export { withPair } from "./telemetry/meter.ts";
export { SCOPE_NAME } from "./version.ts";
