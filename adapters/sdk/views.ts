import type { Attributes, Context } from "@opentelemetry/api";
import { checkOptions, ExperimentConfigError, show, unknownOption } from "../../src/sdk-adapter.ts";
import {
  clientDurationError,
  HTTP_METER,
  type InstrumentSelector,
  instrumentNames,
  SERVER_DURATION,
  selectsClientDuration,
} from "./instruments.ts";
import { attributesWithPair } from "./measurement.ts";
import { SecondViewSearch } from "./second-view.ts";

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
 * and on the instruments that are named. An instrument for which there is a View already needs `withExperiments(view)`
 * instead: two Views on one instrument count everything twice.
 *
 * @throws ExperimentConfigError
 */
export function experimentViews(options: ExperimentViewsOptions = {}): ExperimentView[] {
  const { instruments } = checkOptions("experimentViews", options, ["instruments"]);
  const names = [...instrumentNames(instruments)].filter((name) => name !== SERVER_DURATION);
  const search = new SecondViewSearch([
    { name: SERVER_DURATION, meter: HTTP_METER, unit: "s" },
    ...names.map((name) => ({ name })),
  ]);
  const processor = new PairProcessor(search);
  return [
    // Of this meter alone: the server spans of our own are measured by ours, with their pair.
    { instrumentName: SERVER_DURATION, meterName: HTTP_METER, attributesProcessors: [processor] },
    ...names.map((instrumentName) => ({ instrumentName, attributesProcessors: [processor] })),
  ];
}

const SELECTORS = ["instrumentName", "instrumentType", "instrumentUnit", "meterName", "meterVersion", "meterSchemaUrl"];

/** All fields of an SDK's `ViewOptions`. An SDK may come to have more, so that others are named only beside a mistake. */
const VIEW_FIELDS: readonly string[] = [
  ...SELECTORS,
  "name",
  "description",
  "attributesProcessors",
  "aggregation",
  "aggregationCardinalityLimit",
];

/** The given View with the pair added behind its other processors, so that a list of allowed attributes keeps it. */
export function viewWithExperiments<V extends ViewLike>(view: V): V {
  if (selectsClientDuration(view)) {
    const unknown = unknownOption(view, VIEW_FIELDS);
    if (unknown !== undefined) {
      throw new ExperimentConfigError(
        "ERR_UNKNOWN_OPTION",
        `the field ${show(unknown)} of a View is unknown; it selects by ${SELECTORS.join(", ")}`,
      );
    }
    throw clientDurationError(
      "the View selects",
      "narrow its instrumentName or its meterName, or leave the View as it is and wrap the MeterProvider: withExperiments(meterProvider)",
    );
  }
  const { attributesProcessors = [] } = view;
  if (!Array.isArray(attributesProcessors)) {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `attributesProcessors is ${show(attributesProcessors)}; write a list`,
    );
  }
  if (attributesProcessors.some((processor) => processor instanceof PairProcessor)) return view;
  const search = new SecondViewSearch([{ name: SERVER_DURATION, meter: HTTP_METER, unit: "s" }]);
  return { ...view, attributesProcessors: [...attributesProcessors, new PairProcessor(search)] };
}

class PairProcessor implements AttributesProcessor {
  readonly #search: SecondViewSearch;

  constructor(search: SecondViewSearch) {
    this.#search = search;
    search.begin(this);
  }

  process(incoming: Attributes, active?: Context): Attributes {
    this.#search.look(this);
    // Observable instruments are observed outside any request, and have no context.
    return active === undefined ? incoming : (attributesWithPair(incoming, active) ?? incoming);
  }
}
