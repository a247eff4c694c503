import { describeValue } from "../checks/describe-value.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import type { FieldValue } from "../fields/field.ts";
import { readField } from "../fields/read-fields.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { type Instance, isEmptyScope } from "./instance.ts";

/** `FieldAccess.get`. @throws ExperimentUsageError in strict mode */
export function fieldOf(instance: Instance, scope: RequestScope, name: string): FieldValue | undefined {
  const value = scope.knownFields?.get(name);
  if (value === undefined) checkName(instance, name);
  return value;
}

/** `FieldAccess.set`. No message shows the value, which may be a secret. @throws ExperimentUsageError in strict mode */
export function setField(instance: Instance, scope: RequestScope, name: string, value: unknown): boolean {
  const field = checkName(instance, name) ? instance.fields.get(name) : undefined;
  if (field === undefined) return false;
  const { codec } = field;
  const read = attempt("ERR_FIELD_VALUE", `the value of ${name} could not be read`, () =>
    codec.accepts(value) ? readField(field, codec.encode(value)) : undefined,
  );
  if (read === undefined || read === "malformed") {
    return instance.report("ERR_FIELD_VALUE", `the value given to ${name} breaks its declaration; write ${field.type}`);
  }
  if (isEmptyScope(instance, scope, `fields.set(${describeValue(name)}, …)`, "does nothing")) return false;
  if (read === "sensitive") {
    instance.counters.reject("sensitive");
    warnOnce("sensitive", `a value given to ${name} looks like a secret or personal data, and was dropped`);
    return false;
  }
  const standing = scope.fields.textOf(name);
  if (standing === read.text) return true;
  if (standing !== undefined && !field.mutable) {
    return instance.report(
      "ERR_FIELD_CHANGED",
      `${name} has another value already, and the first one is kept; declare it .mutable() if services may change it`,
    );
  }
  scope.fields.note([read]);
  return true;
}

function checkName({ fields, report }: Instance, name: unknown): boolean {
  if (typeof name === "string" && fields.has(name)) return true;
  const names = fields.size === 0 ? "none" : [...fields.keys()].join(", ");
  return report("ERR_UNKNOWN_FIELD", `there is no field ${describeValue(name)}; the declared fields are ${names}`);
}
