import { isExperimentKey, KEY_RULE, nearestName, variableIn } from "../../../src/sdk-adapter.ts";
import { CLIENT_DURATION, isInstrumentName } from "../instruments.ts";

/** The attributes that are written for an assignment. */
export type AttributesSetting = "flat" | "keyed" | "both" | "none";

/** The settings that the environment variables ask for. */
export interface Settings {
  readonly disabled: boolean;
  readonly spanAttributes: AttributesSetting;
  /** By the lower-case names of OpenTelemetry's kinds. Undefined: all kinds. */
  readonly spanKinds: readonly SpanKindName[] | undefined;
  readonly logAttributes: AttributesSetting;
  /** Undefined: all experiments. */
  readonly keys: readonly string[] | undefined;
  /**
   * Names of instruments in addition to `http.server.request.duration`. Undefined: no instrument, not even that one.
   */
  readonly instruments: readonly string[] | undefined;
  readonly propagator: boolean;
  readonly propagateToCarriers: boolean;
  readonly outgoing: boolean;
}

/** The result of `readSettings`. */
export interface ReadSettings {
  readonly settings: Settings;
  /** One line for each wrong variable, with the fix. */
  readonly problems: readonly string[];
}

const PREFIX = "OTEL_EXPERIMENTS_";
/** All variables that this entry reads. */
export const VARIABLES = [
  "OTEL_EXPERIMENTS_DISABLED",
  "OTEL_EXPERIMENTS_SPAN_ATTRIBUTES",
  "OTEL_EXPERIMENTS_SPAN_KINDS",
  "OTEL_EXPERIMENTS_LOG_ATTRIBUTES",
  "OTEL_EXPERIMENTS_KEYS",
  "OTEL_EXPERIMENTS_INSTRUMENTS",
  "OTEL_EXPERIMENTS_PROPAGATOR",
  "OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS",
  "OTEL_EXPERIMENTS_OUTGOING",
] as const;
type Name = (typeof VARIABLES)[number];

/** Variables with the prefix that commands and the documentation use, and this entry does not read. */
export const VARIABLES_OF_OTHERS = ["OTEL_EXPERIMENTS_OVERRIDE_SECRET"] as const;

const ATTRIBUTES_SETTINGS = ["flat", "keyed", "both", "none"] as const;
const SPAN_KINDS = ["internal", "server", "client", "producer", "consumer"] as const;
export type SpanKindName = (typeof SPAN_KINDS)[number];

type Environment = { readonly [name: string]: string | undefined };

/** Reads every known variable. A wrong one counts as not set, and is among the problems. */
export function readSettings(environment: Environment): ReadSettings {
  const problems: string[] = [];
  const read = <T>(name: Name, parse: (text: string) => T | undefined, fix: string, otherwise: T): T => {
    // OpenTelemetry counts an empty variable as not set:
    // https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    const text = variableIn(environment, name)?.trim() ?? "";
    if (text === "") return otherwise;
    const value = parse(text);
    if (value !== undefined) return value;
    problems.push(`${name} is ${JSON.stringify(text.slice(0, 80))}; write ${fix}. It counts as not set.`);
    return otherwise;
  };
  const flag = (name: Name, otherwise: boolean): boolean => read(name, parseFlag, "true or false", otherwise);
  const attributes = (name: Name): AttributesSetting =>
    read<AttributesSetting>(name, oneOf(ATTRIBUTES_SETTINGS), "flat, keyed, both or none", "flat");

  const settings: Settings = {
    disabled: flag("OTEL_EXPERIMENTS_DISABLED", false),
    spanAttributes: attributes("OTEL_EXPERIMENTS_SPAN_ATTRIBUTES"),
    spanKinds: read<readonly SpanKindName[] | undefined>(
      "OTEL_EXPERIMENTS_SPAN_KINDS",
      listOf(oneOf(SPAN_KINDS)),
      "any of internal, server, client, producer and consumer, separated by commas",
      undefined,
    ),
    logAttributes: attributes("OTEL_EXPERIMENTS_LOG_ATTRIBUTES"),
    keys: read<readonly string[] | undefined>(
      "OTEL_EXPERIMENTS_KEYS",
      listOf((text) => (isExperimentKey(text) ? text : undefined)),
      `the keys of experiments, separated by commas; a key is ${KEY_RULE}`,
      undefined,
    ),
    instruments: read<{ readonly names: readonly string[] | undefined }>(
      "OTEL_EXPERIMENTS_INSTRUMENTS",
      parseInstruments,
      `the whole names of instruments, separated by commas, or none; ${CLIENT_DURATION} cannot be one of them, because undici's instrumentation measures it in the context of another request`,
      { names: [] },
    ).names,
    propagator: flag("OTEL_EXPERIMENTS_PROPAGATOR", true),
    propagateToCarriers: flag("OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS", false),
    outgoing: flag("OTEL_EXPERIMENTS_OUTGOING", false),
  };
  return { settings, problems: [...problems, ...unknownNames(environment)] };
}

function parseFlag(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === "true" ? true : lower === "false" ? false : undefined;
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T | undefined {
  return (text) => values.find((value) => value === text.toLowerCase());
}

/** Parses a list. Undefined if a part is wrong, or if there is no part. */
function listOf<T>(parse: (text: string) => T | undefined): (text: string) => readonly T[] | undefined {
  return (text) => {
    const parts = text.split(",").map((part) => part.trim());
    const values = parts.filter((part) => part !== "").map(parse);
    const right = values.filter((value) => value !== undefined);
    return right.length === 0 || right.length < values.length ? undefined : right;
  };
}

const parseInstrumentNames = listOf((text) => (isInstrumentName(text) && text !== CLIENT_DURATION ? text : undefined));

function parseInstruments(text: string): { readonly names: readonly string[] | undefined } | undefined {
  if (text.toLowerCase() === "none") return { names: undefined };
  const names = parseInstrumentNames(text);
  return names === undefined ? undefined : { names };
}

/** Also matches OTEL_EXPERIMENT_ without the S, a likely mistake. */
const ALIKE = /^OTEL_EXPERIMENTS?_(.*)$/s;

function unknownNames(environment: Environment): readonly string[] {
  const known: ReadonlySet<string> = new Set([...VARIABLES, ...VARIABLES_OF_OTHERS]);
  const ends = VARIABLES.map((name) => name.slice(PREFIX.length));
  return Object.keys(environment).flatMap((name) => {
    const end = known.has(name) ? undefined : ALIKE.exec(name)?.[1];
    if (end === undefined) return [];
    // Compared without the common prefix, which would make all names similar.
    const nearest = nearestName(end, ends, Math.floor(end.length / 2));
    const fix =
      nearest === undefined ? `after ${PREFIX} write one of ${ends.join(", ")}` : `did you mean ${PREFIX}${nearest}?`;
    return [`the variable ${JSON.stringify(name.slice(0, 80)).slice(1, -1)} does not exist; ${fix}`];
  });
}
