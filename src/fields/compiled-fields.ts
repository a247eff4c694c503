import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { type FieldPlan, type Fields, isField, planOf } from "./field.ts";
import { sensitivePartOf } from "./sensitive-names.ts";
import { looksSensitive } from "./sensitive-values.ts";

/** A declared field as requests read it. */
export interface CompiledField extends FieldPlan {
  readonly name: string;
}

/** In the order of declaration. */
export type CompiledFields = ReadonlyMap<string, CompiledField>;

export const NO_FIELDS: CompiledFields = new Map();

/** W3C Baggage guarantees 64 members, and experiments need some of them. */
const MAX_FIELDS = 64;

const NAME = /^[a-z](?:[a-z0-9_.-]{0,62}[a-z0-9_-])?$/;
const NAME_RULE = "a lower-case letter, then up to 63 of a-z, 0-9, _, - and ., the last no dot";

/** Names of headers. A field with such a name could be mistaken for the header. */
const HEADERS: ReadonlySet<string> = new Set(["traceparent", "tracestate", "baggage", "b3", "tracecontext"]);

/** Namespaces of OpenTelemetry's semantic conventions that instrumentations and SDKs write. */
const NAMESPACES: ReadonlySet<string> = new Set(
  "aws azure client cloud code container cpu db deployment destination device disk dns enduser error event exception faas feature_flag file gcp gen_ai graphql heroku host http k8s log messaging net network nodejs opentracing os otel peer process profile rpc server service session source system telemetry thread tls url user_agent v8js vcs webengine".split(
    " ",
  ),
);

/** The namespace of experiment attributes, for every prefix on the wire. */
const EXPERIMENTS = "experiment";

/**
 * Checks fields that several services share, and keeps their types. Pass the result to `createExperiments`.
 *
 * @throws ExperimentConfigError
 */
export function defineFields<const F extends Fields>(fields: F): F {
  compileFields(fields, `${EXPERIMENTS}.`);
  return fields;
}

/** @throws ExperimentConfigError */
export function compileFields(fields: unknown, prefix: string): CompiledFields {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields) || isField(fields)) {
    throw new ExperimentConfigError(
      "ERR_FIELD",
      `fields is ${describeValue(fields)}; write fields: { user_tier: oneOf("free", "premium") }`,
    );
  }
  const compiled = new Map<string, CompiledField>();
  for (const [name, field] of Object.entries(fields)) {
    const plan = planOf(field);
    if (plan === undefined) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `fields.${name} is ${describeValue(field)}; write oneOf(…), boolean(), integer(), text() or list() of otel-experiments/fields`,
      );
    }
    checkName(name, prefix, plan);
    compiled.set(name, Object.freeze({ ...plan, name }));
  }
  if (compiled.size > MAX_FIELDS) {
    throw new ExperimentConfigError("ERR_FIELD", `there are ${compiled.size} fields; declare at most ${MAX_FIELDS}`);
  }
  return compiled;
}

function checkName(name: string, prefix: string, plan: FieldPlan): void {
  const refuse = (why: string): ExperimentConfigError =>
    new ExperimentConfigError("ERR_FIELD_NAME", `fields: the name ${describeValue(name)} ${why}`);
  if (!NAME.test(name)) throw refuse(`is not ${NAME_RULE}`);
  const [namespace = ""] = name.split(".", 1);
  if (name.startsWith(prefix) || namespace === EXPERIMENTS) {
    throw refuse("is reserved for experiments; choose another, such as user_tier");
  }
  if (!plan.notSensitive) checkSensitive(name, plan);
  if (HEADERS.has(name)) throw refuse("is the name of a header; choose another");
  if (NAMESPACES.has(namespace) && namespace !== name) {
    throw refuse(`is in OpenTelemetry's namespace ${namespace}; choose another`);
  }
}

/** Its message shows no value. */
function checkSensitive(name: string, { choices = [] }: FieldPlan): void {
  const part = sensitivePartOf(name);
  const what =
    part !== undefined
      ? `the name ${describeValue(name)} suggests a secret or personal data (${part})`
      : choices.some(looksSensitive)
        ? `one of the texts of ${name} looks like a secret or personal data`
        : undefined;
  if (what === undefined) return;
  throw new ExperimentConfigError(
    "ERR_FIELD_SENSITIVE",
    `fields: ${what}, which every service on the way sees; share a value that reveals less, or add .notSensitive() if it is neither`,
  );
}
