import type { Attributes, Context } from "@opentelemetry/api";
import { checkOptions, describeValue, ExperimentConfigError } from "../../src/sdk-adapter.ts";
import {
  clientDurationError,
  HTTP_METER,
  type InstrumentSelector,
  instrumentNames,
  SERVER_DURATION,
  selectsClientDuration,
} from "./instruments.ts";
import { attributesWithPair } from "./measurement.ts";

/** Options of `experimentViews`. */
export interface ExperimentViewsOptions {
  /** More instruments that get the pair, by their whole names, such as `["orders.placed"]`. */
  readonly instruments?: readonly string[];
}

/** The object that an SDK's View calls for each measurement, in 2.x and 3.x. */
export interface AttributesProcessor {
  process(incoming: Attributes, active?: Context): Attributes;
}

/** An SDK's `ViewOptions`. */
export interface ExperimentView {
  instrumentName: string;
  meterName?: string;
  attributesProcessors: AttributesProcessor[];
}

/** The part of a user's View that is read. */
export interface ViewLike extends InstrumentSelector {
  readonly attributesProcessors?: AttributesProcessor[] | undefined;
}

/**
 * Views for `new MeterProvider({ views })` of SDK 2.x and 3.x. They add the flat pair to `http.server.request.duration`
 * and to the named instruments. If another View selects one of these instruments, use `withExperiments(view)` instead:
 * two Views that give one instrument the same stream name double its counts, and `diag` reports nothing.
 *
 * @throws ExperimentConfigError
 */
export function experimentViews(options: ExperimentViewsOptions = {}): ExperimentView[] {
  const { instruments } = checkOptions("experimentViews", options, ["instruments"]);
  const names = [...instrumentNames(instruments)].filter((name) => name !== SERVER_DURATION);
  const processor = new PairProcessor();
  return [
    // Only of this meter: the durations of own server spans are recorded with their pair.
    { instrumentName: SERVER_DURATION, meterName: HTTP_METER, attributesProcessors: [processor] },
    ...names.map((instrumentName) => ({ instrumentName, attributesProcessors: [processor] })),
  ];
}

/**
 * All fields of an SDK's `ViewOptions`. Later SDKs may have more, so unknown fields are reported only together with a
 * mistake.
 */
const VIEW_FIELDS: readonly string[] = [
  "instrumentName",
  "instrumentType",
  "instrumentUnit",
  "meterName",
  "meterVersion",
  "meterSchemaUrl",
  "name",
  "description",
  "attributesProcessors",
  "aggregation",
  "aggregationCardinalityLimit",
];

/**
 * The given View with the pair added after its other processors, so a list of allowed attributes does not remove it.
 */
export function viewWithExperiments<V extends ViewLike>(view: V): V {
  if (selectsClientDuration(view)) {
    checkOptions("a View", view, VIEW_FIELDS);
    throw clientDurationError(
      "the View selects",
      "narrow its instrumentName or its meterName, or leave the View as it is and wrap the MeterProvider: withExperiments(meterProvider)",
    );
  }
  const { attributesProcessors = [] } = view;
  if (!Array.isArray(attributesProcessors)) {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `attributesProcessors is ${describeValue(attributesProcessors)}; write a list`,
    );
  }
  if (attributesProcessors.some((processor) => processor instanceof PairProcessor)) return view;
  return { ...view, attributesProcessors: [...attributesProcessors, new PairProcessor()] };
}

class PairProcessor implements AttributesProcessor {
  process(incoming: Attributes, active?: Context): Attributes {
    // Observable instruments are observed outside of requests, and have no context.
    return active === undefined ? incoming : (attributesWithPair(incoming, active) ?? incoming);
  }
}
