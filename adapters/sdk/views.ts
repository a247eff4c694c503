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

/** What the Views are made for. */
export interface ExperimentViewsOptions {
  /** Further instruments that get the pair, by their whole names, such as `["orders.placed"]`. */
  readonly instruments?: readonly string[];
}

/** What an SDK's View calls for each measurement, in 2.x and 3.x. */
export interface AttributesProcessor {
  process(incoming: Attributes, active?: Context): Attributes;
}

/** An SDK's `ViewOptions`. */
export interface ExperimentView {
  instrumentName: string;
  meterName?: string;
  attributesProcessors: AttributesProcessor[];
}

/** What we use of a View that the user has. */
export interface ViewLike extends InstrumentSelector {
  readonly attributesProcessors?: AttributesProcessor[] | undefined;
}

/**
 * Views for `new MeterProvider({ views })` of SDK 2.x and 3.x, which put the flat pair on `http.server.request.duration`
 * and on the instruments that are named. An instrument that another View selects needs `withExperiments(view)` instead:
 * two Views that give one instrument the same stream name double its counts, and `diag` says nothing.
 *
 * @throws ExperimentConfigError
 */
export function experimentViews(options: ExperimentViewsOptions = {}): ExperimentView[] {
  const { instruments } = checkOptions("experimentViews", options, ["instruments"]);
  const names = [...instrumentNames(instruments)].filter((name) => name !== SERVER_DURATION);
  const processor = new PairProcessor();
  return [
    // Of this meter alone: the server spans of our own are measured by ours, with their pair.
    { instrumentName: SERVER_DURATION, meterName: HTTP_METER, attributesProcessors: [processor] },
    ...names.map((instrumentName) => ({ instrumentName, attributesProcessors: [processor] })),
  ];
}

/** All fields of an SDK's `ViewOptions`. An SDK may come to have more, so that others are named only beside a mistake. */
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

/** The given View with the pair added behind its other processors, so that a list of allowed attributes keeps it. */
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
    // Observable instruments are observed outside any request, and have no context.
    return active === undefined ? incoming : (attributesWithPair(incoming, active) ?? incoming);
  }
}
