import type { CompiledAssignment } from "../assignment/assignment.ts";
import { isExperimentName, NAME_RULE } from "../assignment/names.ts";
import { describeValue } from "../checks/describe-value.ts";
import { infoOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import { optionsMistake } from "../checks/option-checks.ts";
import { ownOption } from "../checks/own-option.ts";
import { processWide } from "../process-wide.ts";
import type { ConversionOptions } from "../scope/conversion-options.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { emitConversion } from "../telemetry/conversion-event.ts";
import { emitExposure } from "../telemetry/exposure-event.ts";
import { type Instance, isEmptyScope, isKnownKey } from "./instance.ts";
import { callBack, conversionOf, exposureOf } from "./outcome-callbacks.ts";

/** `Scope.expose`. @throws ExperimentUsageError in strict mode */
export function expose(instance: Instance, scope: RequestScope, key: string): void {
  if (!isKnownKey(instance, scope, key)) return;
  if (isEmptyScope(instance, scope, `expose(${describeValue(key)})`, "counts nothing")) return;
  const assignment = scope.find(key);
  if (assignment === undefined || !assignment.counts || !scope.outcomes.markExposed(key)) return;
  instance.counters.exposed(assignment);
  scope.annotate({ [`experiment.${key}.exposed`]: true });
  emitExposure(scope, assignment);
  callBack("onExposure", instance.options.callbacks.onExposure, () => exposureOf(assignment));
}

/** `Scope.convert`. @throws ExperimentUsageError in strict mode */
export function convert(
  instance: Instance,
  scope: RequestScope,
  name: string,
  options: ConversionOptions | undefined,
): void {
  const mistake =
    options === undefined ? undefined : optionsMistake("convert(name, options)", options, ["value", "experiment"]);
  if (mistake !== undefined) instance.report(mistake.code, mistake.message);
  const value = ownOption(options, "value");
  const experiment = ownOption(options, "experiment");
  if (!isExperimentName(name)) {
    instance.report("ERR_BAD_NAME", `the conversion ${describeValue(name)} is not ${NAME_RULE}`);
    return;
  }
  if (value !== undefined && !(Number.isFinite(value) && value >= 0)) {
    instance.report(
      "ERR_CONVERSION_VALUE",
      `the value of ${name} is ${describeValue(value)}; write a finite number of at least 0, since histograms take no negative values`,
    );
    return;
  }
  if (experiment !== undefined && !isKnownKey(instance, scope, experiment)) return;
  if (isEmptyScope(instance, scope, `convert(${describeValue(name)})`, "counts nothing")) return;
  const concerned = scope.compiled.filter((one) => one.counts && concerns(scope, one, experiment));
  if (concerned.length === 0) {
    if (scope.compiled.length > 0) notice("NOT_EXPOSED", { name });
    infoOnce(
      "no-exposure",
      `the conversion ${name} counts for no experiment: none was exposed in this request, or only forced ones were; call use(key), or convert(name, { experiment })`,
    );
  }
  const bounded = boundedName(name);
  for (const assignment of concerned) {
    instance.counters.converted(assignment, bounded, value);
    scope.annotate(scope.outcomes.addConversion(assignment.key, name, value));
    emitConversion(scope, assignment, name, value);
    callBack("onConversion", instance.options.callbacks.onConversion, () => conversionOf(assignment, name, value));
  }
}

function concerns(scope: RequestScope, { key }: CompiledAssignment, experiment: string | undefined): boolean {
  return experiment === undefined ? scope.outcomes.hasExposed(key) : key === experiment;
}

/** Names beyond this many in a process are counted as `other`, which bounds the metric series. */
const MAX_NAMES = 64;
const conversionNames = processWide("conversion-names.v1", () => new Set<string>());

function boundedName(name: string): string {
  const names = conversionNames();
  if (names.has(name)) return name;
  if (names.size >= MAX_NAMES) return "other";
  names.add(name);
  return name;
}
