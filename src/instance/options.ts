import type { ExperimentKey, Registry } from "../assignment/definition.ts";
import { isExperimentKey, KEY_RULE } from "../assignment/names.ts";
import { type CompiledRegistry, compileRegistry } from "../assignment/registry.ts";
import type { StickyStore } from "../assignment/sticky-store.ts";
import { pseudonymOf, type SubjectRecorder } from "../assignment/subject.ts";
import { DEFAULT_PREFIX, OwnMemberReader } from "../baggage/own.ts";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";
import { ownOption, variableIn } from "../checks/own-option.ts";
import { isSecret, MIN_SECRET_LENGTH } from "../checks/secrets.ts";
import { type CompiledFields, compileFields, NO_FIELDS } from "../fields/compiled-fields.ts";
import type { Fields } from "../fields/field.ts";
import type { OverrideSource } from "../override/source.ts";
import { compileDestinations, type PropagateTo } from "../policy/destinations.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { compileTrust, type Trust, type TrustInbound } from "../policy/trust.ts";
import type { Conversion, Exposure, OutcomeCallbacks } from "./outcome-callbacks.ts";

/** The options of `createExperiments`. They are read once. */
export interface ExperimentsOptions<R extends Registry = Registry, F extends Fields = Fields> {
  /** The declared experiments. They bound types and metric series. Without them keys and variants are strings. */
  readonly experiments?: R;
  /** The experiment of the flat pair `experiment.id` and `experiment.variant`, if a request has several. */
  readonly primary?: ExperimentKey<R>;
  /** The trusted callers: `false` (none, default), `true` (all), networks such as `["10.0.0.0/8"]`, or a predicate. */
  readonly trustInbound?: TrustInbound;
  /** Whether a peer within `trustInbound`'s networks is trusted also for requests that it forwards. Default: false. */
  readonly trustProxied?: boolean;
  /** The destinations of own members. Default: none. */
  readonly propagateTo?: PropagateTo;
  /** The beginning of the keys of own members. Default: `experiment.`. It does not rename attributes. */
  readonly prefix?: string;
  /** A trusted experiment or variant that is not declared: `"pass"` it on (default) or `"drop"` it. */
  readonly unknown?: "pass" | "drop";
  /** The destinations of foreign members: `"everywhere"` (default), or `"allowed-only"`, those of own members. */
  readonly foreignBaggage?: "everywhere" | "allowed-only";
  /** Signed overrides that force variants, for manual tests: `acceptOverrides` of `otel-experiments/override`. */
  readonly overrides?: OverrideSource;
  /** Keeps subjects in their variant when weights or coverage change: a Map, or an object with its `get` and `set`. */
  readonly store?: StickyStore;
  /**
   * Whether telemetry shows the subject: `"hashed"`, as a pseudonym that needs `subjectSecret` and is passed on with the
   * variant, or `"plain"`, which is not passed on. Default: not shown.
   */
  readonly recordSubject?: "hashed" | "plain";
  /** The secret for pseudonyms: at least 16 characters, the same in all services. */
  readonly subjectSecret?: string;
  /** Other values that services share, by name; declared by `oneOf`, `text` and others of `otel-experiments/fields`. */
  readonly fields?: F;
  /**
   * Called for each exposure, such as to write it to a warehouse. It runs in the request's async context; its result is
   * not awaited. If it throws or rejects, OpenTelemetry's `diag` gets a warning.
   */
  readonly onExposure?: (exposure: Exposure) => unknown;
  /** Called for each conversion, once per assignment that it counts for; otherwise as `onExposure`. */
  readonly onConversion?: (conversion: Conversion) => unknown;
  /** Whether a mistake of the programmer throws. Default: true if `NODE_ENV` is `test` or `development`. */
  readonly strict?: boolean;
}

/** The checked options. */
export interface CompiledOptions {
  readonly registry: CompiledRegistry | undefined;
  readonly primary: string | undefined;
  readonly trust: Trust;
  readonly reader: OwnMemberReader;
  readonly dropsUnknown: boolean;
  readonly policy: EgressPolicy;
  readonly overrides: OverrideSource | undefined;
  readonly store: StickyStore | undefined;
  readonly recordSubject: SubjectRecorder | undefined;
  readonly fields: CompiledFields;
  readonly callbacks: OutcomeCallbacks;
  readonly strict: boolean;
  /** The trusted callers and the destinations in words, for the notice at the end of the first request. */
  readonly summary: { readonly trusts: string; readonly passesOnTo: string };
}

const OPTION_NAMES: readonly (keyof ExperimentsOptions)[] = [
  "experiments",
  "primary",
  "trustInbound",
  "trustProxied",
  "propagateTo",
  "prefix",
  "unknown",
  "foreignBaggage",
  "overrides",
  "store",
  "recordSubject",
  "subjectSecret",
  "fields",
  "onExposure",
  "onConversion",
  "strict",
];

/** @throws ExperimentConfigError */
export function compileOptions(options: unknown): CompiledOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      `the options are ${describeValue(options)}; write createExperiments({ experiments: { … } })`,
    );
  }
  const given = checkOptions("createExperiments", options, OPTION_NAMES);

  const prefix = compilePrefix(given.prefix === undefined ? DEFAULT_PREFIX : given.prefix);
  const fields = given.fields === undefined ? NO_FIELDS : compileFields(given.fields, prefix);
  const reader = new OwnMemberReader(prefix, fields.keys());
  const registry = given.experiments === undefined ? undefined : compileRegistry(given.experiments, prefix);
  const { trustInbound = false, propagateTo = [] } = given;
  const trustsNone = trustInbound === false || (Array.isArray(trustInbound) && trustInbound.length === 0);
  if ((registry === undefined || registry.size === 0) && fields.size === 0 && trustsNone) {
    throw new ExperimentConfigError(
      "ERR_NOTHING_TO_DO",
      "with neither experiments nor trustInbound no request can ever have a variant; declare experiments or fields, or set trustInbound",
    );
  }
  const foreignBaggage = oneOf("foreignBaggage", given.foreignBaggage, ["everywhere", "allowed-only"]);
  const strict = flag("strict", given.strict) ?? isDevelopment();
  return Object.freeze({
    registry,
    primary: compilePrimary(given.primary, registry),
    trust: compileTrust(trustInbound, flag("trustProxied", given.trustProxied) ?? false),
    reader,
    dropsUnknown: oneOf("unknown", given.unknown, ["pass", "drop"]) === "drop",
    policy: Object.freeze({
      reader,
      destinations: compileDestinations(propagateTo),
      foreignBaggage,
      strict,
    }),
    overrides: compileOverrides(given.overrides),
    store: compileStore(given.store),
    recordSubject: compileSubjectRecorder(given.recordSubject, given.subjectSecret),
    fields,
    callbacks: Object.freeze({
      onExposure: compileCallback("onExposure", given.onExposure),
      onConversion: compileCallback("onConversion", given.onConversion),
    }),
    strict,
    summary: { trusts: wordsOfTrust(trustInbound), passesOnTo: wordsOf(propagateTo) },
  });
}

function wordsOfTrust(trust: unknown): string {
  if (typeof trust === "boolean") return trust ? "everybody" : "nobody";
  return wordsOf(Array.isArray(trust) ? trust : [trust]);
}

function wordsOf(entries: unknown): string {
  if (!Array.isArray(entries) || entries.length === 0) return "nobody";
  return entries.map((entry: unknown) => (typeof entry === "string" ? entry : "whom a predicate names")).join(", ");
}

function compileOverrides(overrides: unknown): OverrideSource | undefined {
  if (overrides === undefined) return undefined;
  if (isOverrideSource(overrides)) return overrides;
  throw new ExperimentConfigError(
    "ERR_OVERRIDE",
    `overrides is ${describeValue(overrides)}; write acceptOverrides({ secrets, audience }) of otel-experiments/override`,
  );
}

function isOverrideSource(source: unknown): source is OverrideSource {
  return typeof ownOption(source, "read") === "function";
}

function compileCallback(name: keyof OutcomeCallbacks, callback: unknown): ((outcome: unknown) => unknown) | undefined {
  if (callback === undefined) return undefined;
  // why: a function can be called with any argument
  if (typeof callback === "function") return callback as (outcome: unknown) => unknown;
  throw new ExperimentConfigError("ERR_OPTION_VALUE", `${name} is ${describeValue(callback)}; write a function`);
}

function compileStore(store: unknown): StickyStore | undefined {
  if (store === undefined) return undefined;
  if (isStore(store)) return store;
  throw new ExperimentConfigError(
    "ERR_STORE",
    `store is ${describeValue(store)}; write { get(name), set(name, variant) }, or a Map`,
  );
}

function isStore(store: unknown): store is StickyStore {
  return typeof ownOption(store, "get") === "function" && typeof ownOption(store, "set") === "function";
}

function compileSubjectRecorder(recordSubject: unknown, secret: unknown): SubjectRecorder | undefined {
  if (recordSubject === undefined) {
    if (secret === undefined) return undefined;
    throw new ExperimentConfigError(
      "ERR_SUBJECT_SECRET",
      'subjectSecret is set; write recordSubject: "hashed" beside it',
    );
  }
  if (recordSubject === "plain") return (_, subject) => ({ text: subject, travels: false });
  if (recordSubject !== "hashed") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `recordSubject is ${describeValue(recordSubject)}; write "hashed" or "plain"`,
    );
  }
  if (!isSecret(secret)) {
    throw new ExperimentConfigError(
      "ERR_SUBJECT_SECRET",
      `recordSubject: "hashed" needs subjectSecret, a secret text of at least ${MIN_SECRET_LENGTH} characters`,
    );
  }
  return (experimentId, subject) => ({ text: pseudonymOf(experimentId, subject, secret), travels: true });
}

function compilePrefix(prefix: unknown): string {
  if (typeof prefix === "string" && /^[A-Za-z][A-Za-z0-9_.-]{0,62}[._-]$/.test(prefix)) return prefix;
  throw new ExperimentConfigError(
    "ERR_PREFIX",
    `prefix is ${describeValue(prefix)}; write letters, digits, dots, hyphens or underscores, with one of the last three at the end, such as "experiment."`,
  );
}

function compilePrimary(primary: unknown, registry: CompiledRegistry | undefined): string | undefined {
  requirePrimary(primary, registry);
  return primary;
}

/** @throws ExperimentConfigError if no experiment has this key */
export function requirePrimary(
  primary: unknown,
  registry: CompiledRegistry | undefined,
): asserts primary is string | undefined {
  if (primary === undefined || (isExperimentKey(primary) && registry?.has(primary) !== false)) return;
  const keys = registry === undefined ? [] : [...registry.keys()];
  throw new ExperimentConfigError(
    "ERR_PRIMARY",
    `primary is ${describeValue(primary)}; write an experiment's key: ${keys.length > 0 ? keys.join(" or ") : KEY_RULE}`,
  );
}

function oneOf<const T extends string>(name: string, value: unknown, [first, ...others]: readonly [T, ...T[]]): T {
  if (value === undefined) return first;
  const chosen = [first, ...others].find((option) => option === value);
  if (chosen !== undefined) return chosen;
  const choice = [first, ...others].map((option) => `"${option}"`).join(" or ");
  throw new ExperimentConfigError("ERR_OPTION_VALUE", `${name} is ${describeValue(value)}; write ${choice}`);
}

function flag(name: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw new ExperimentConfigError("ERR_OPTION_VALUE", `${name} is ${describeValue(value)}; write true or false`);
}

function isDevelopment(): boolean {
  const NODE_ENV = variableIn(process.env, "NODE_ENV");
  return NODE_ENV === "test" || NODE_ENV === "development";
}
