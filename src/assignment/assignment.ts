import type { Attributes } from "@opentelemetry/api";
import { ownOption } from "../checks/own-option.ts";

/** The variant of one experiment in one request. */
export interface Assignment {
  /** The experiment's key, which names its baggage members and attributes. */
  readonly key: string;
  /** The run of the experiment. Undefined only if the wire had none and no registry declares the key. */
  readonly id: string | undefined;
  readonly variant: string;
  /** True: set by hand for a test, so no measurement counts it. */
  readonly forced: boolean;
  /** The subject or its pseudonym, as `recordSubject` declares; missing without it. */
  readonly subject?: string;
}

/** An assignment with everything that is written of it. Made once and shared by all requests that have it. */
export interface CompiledAssignment {
  readonly key: string;
  readonly id: string | undefined;
  readonly variant: string;
  readonly forced: boolean;
  /** The assignment as users see it. */
  readonly assignment: Assignment;
  /** `experiment.<key>.*`, for spans. */
  readonly keyedAttributes: Attributes;
  /** The flat pair with unbounded values, for child spans and log records. */
  readonly flatPair: Attributes;
  /** Keyed attributes and flat pair, for the server span of a request whose flat pair is this one's. */
  readonly spanAttributes: Attributes;
  /** Whether exposures and conversions count it: false if it is forced or an assigner's fallback. */
  readonly counts: boolean;
  /** The flat pair with bounded values, for measurements. */
  readonly metricPair: Attributes;
  /** Its members in wire form. */
  readonly members: string;
  /** A list of only this assignment: most requests have one assignment, and share this list. */
  readonly alone: readonly CompiledAssignment[];
}

export const ATTR_EXPERIMENT_ID = "experiment.id";
export const ATTR_EXPERIMENT_VARIANT = "experiment.variant";

/**
 * Whether attributes have one of the flat pair. If so, neither is added: an own variant beside another experiment's id
 * would name an experiment that does not exist.
 */
export function namesExperiment(attributes: object | undefined): boolean {
  return attributes !== undefined && (ATTR_EXPERIMENT_ID in attributes || ATTR_EXPERIMENT_VARIANT in attributes);
}

/** The pair of a measurement without an assignment, or with a forced one. */
export const NO_ASSIGNMENT_PAIR: Attributes = Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: "none" });

/** The pair of a measurement whose assignment would add a series beyond the limit. */
const OTHER_PAIR: Attributes = Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: "other" });

/** Choices about how an assignment is written. */
export interface CompilePlan {
  readonly prefix: string;
  /** Whether its values may make a metric series. */
  readonly countable: boolean;
  /**
   * Whether it is the fallback of a failed assigner. It travels as forced, since no later service may count it
   * either.
   */
  readonly isFallback?: boolean;
  /** Whether the subject may travel: only a pseudonym may. */
  readonly subjectTravels?: boolean;
}

/** Computes everything that is written of an assignment. */
export function compileAssignment(
  assignment: Assignment,
  { prefix, countable, isFallback = false, subjectTravels = false }: CompilePlan,
): CompiledAssignment {
  const { key, id, variant, forced } = assignment;
  const subject = ownOption(assignment, "subject");
  const flatPair = pairOf(id, variant);
  const keyedAttributes = Object.freeze({
    ...(id === undefined ? {} : { [`experiment.${key}.id`]: id }),
    [`experiment.${key}.variant`]: variant,
    ...(forced ? { [`experiment.${key}.forced`]: true } : {}),
    ...(subject === undefined ? {} : { [`experiment.${key}.subject`]: subject }),
  });
  const alone: CompiledAssignment[] = [];
  const compiled = Object.freeze({
    assignment: Object.freeze({ key, id, variant, forced, ...(subject === undefined ? {} : { subject }) }),
    key,
    id,
    variant,
    forced,
    counts: !forced && !isFallback,
    keyedAttributes,
    flatPair,
    spanAttributes: Object.freeze({ ...keyedAttributes, ...flatPair }),
    metricPair: forced ? NO_ASSIGNMENT_PAIR : countable ? flatPair : OTHER_PAIR,
    members: [
      `${prefix}${key}.variant=${variant}`,
      ...(id === undefined ? [] : [`${prefix}${key}.id=${id}`]),
      ...(forced || isFallback ? [`${prefix}${key}.forced=1`] : []),
      ...(subject !== undefined && subjectTravels ? [`${prefix}${key}.subject=${subject}`] : []),
    ].join(","),
    alone,
  });
  alone.push(compiled);
  Object.freeze(alone);
  return compiled;
}

function pairOf(id: string | undefined, variant: string): Attributes {
  if (id === undefined) return Object.freeze({ [ATTR_EXPERIMENT_VARIANT]: variant });
  return Object.freeze({ [ATTR_EXPERIMENT_ID]: id, [ATTR_EXPERIMENT_VARIANT]: variant });
}
