import type { Attributes } from "@opentelemetry/api";

/** What was decided for one experiment in one request. */
export interface Assignment {
  /** The experiment's key, which names its baggage members and attributes. */
  readonly key: string;
  /** The run of the experiment. Missing only where the wire had none and no registry knows the key. */
  readonly id: string | undefined;
  readonly variant: string;
  /** Set by hand for a test; counts in no measurement. */
  readonly forced: boolean;
}

/** An assignment with everything that is written of it, made once and shared by all requests that have it. */
export interface CompiledAssignment extends Assignment {
  /** What users see of it. */
  readonly assignment: Assignment;
  /** `experiment.<key>.*`, for spans. */
  readonly keyedAttributes: Attributes;
  /** The flat pair as decided, for child spans and log records. */
  readonly flatPair: Attributes;
  /** Keyed and flat beside each other: for the span of a request whose flat pair is this one's. */
  readonly spanAttributes: Attributes;
  /** The flat pair with bounded values, for measurements. */
  readonly metricPair: Attributes;
  /** Its members as they stand on the wire. */
  readonly members: string;
}

export const ATTR_EXPERIMENT_ID = "experiment.id";
export const ATTR_EXPERIMENT_VARIANT = "experiment.variant";

/** The pair of a measurement without an assignment, or with a forced one. */
export const NO_ASSIGNMENT_PAIR: Attributes = Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: "none" });

/** The pair of a measurement whose assignment would add a series beyond the bounds. */
const OTHER_PAIR: Attributes = Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: "other" });

/** Computes everything that is written of an assignment. `countable` says whether its values may make a metric series. */
export function compileAssignment(
  { key, id, variant, forced }: Assignment,
  prefix: string,
  countable: boolean,
): CompiledAssignment {
  const flatPair = pairOf(id, variant);
  const keyedAttributes = Object.freeze({
    ...(id === undefined ? {} : { [`experiment.${key}.id`]: id }),
    [`experiment.${key}.variant`]: variant,
    ...(forced ? { [`experiment.${key}.forced`]: true } : {}),
  });
  return Object.freeze({
    assignment: Object.freeze({ key, id, variant, forced }),
    key,
    id,
    variant,
    forced,
    keyedAttributes,
    flatPair,
    spanAttributes: Object.freeze({ ...keyedAttributes, ...flatPair }),
    metricPair: forced ? NO_ASSIGNMENT_PAIR : countable ? flatPair : OTHER_PAIR,
    members: [
      `${prefix}${key}.variant=${variant}`,
      ...(id === undefined ? [] : [`${prefix}${key}.id=${id}`]),
      ...(forced ? [`${prefix}${key}.forced=1`] : []),
    ].join(","),
  });
}

function pairOf(id: string | undefined, variant: string): Attributes {
  if (id === undefined) return Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: variant });
  return Object.freeze({ [ATTR_EXPERIMENT_ID]: id, [ATTR_EXPERIMENT_VARIANT]: variant });
}
