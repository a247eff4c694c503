import { metrics } from "@opentelemetry/api";
import { advise } from "../../src/sdk-adapter.ts";

/** An instrument that one of our Views selects, as far as it is known. */
interface Selected {
  readonly name: string;
  readonly meter?: string;
  readonly unit?: string;
}

/** What we use of the SDK's View, in 2.x and 3.x. None of it is public, so that each part may be missing. */
interface SdkView {
  readonly name?: string;
  readonly instrumentSelector?: {
    getType?(): unknown;
    getNameFilter?(): Filter;
    getUnitFilter?(): Filter;
  };
  readonly meterSelector?: { getNameFilter?(): Filter };
  readonly attributesProcessor?: { readonly _processors?: readonly unknown[] };
}

interface Filter {
  match(text: string): boolean;
}

interface SdkMeterProvider {
  readonly _sharedState?: { readonly viewRegistry?: { readonly _registeredViews?: readonly SdkView[] } };
}

/** No instrument is called so: what matches it matches all. */
const ANY = "\u0000";

/**
 * Looks for another View on an instrument of ours. The SDK then gives both one stream and counts each measurement twice,
 * and says nothing. It cannot be known in general which Views there are; this looks where the SDKs have kept them so far,
 * and is silent where it finds nothing.
 */
export class SecondViewSearch {
  readonly #selected: readonly Selected[];
  #looked = false;

  constructor(selected: readonly Selected[]) {
    this.#selected = selected;
  }

  /** Looks as soon as the set-up that goes on has made its MeterProvider: ours may never be asked, behind another View. */
  begin(processor: object): void {
    setImmediate(() => this.#find(processor)).unref();
  }

  /** At the first measurement, for a MeterProvider that came later. */
  look(processor: object): void {
    if (this.#looked) return;
    this.#looked = true;
    this.#find(processor);
  }

  #find(processor: object): void {
    try {
      const views = registeredViews();
      const isOurs = (view: SdkView): boolean => view.attributesProcessor?._processors?.includes(processor) === true;
      const doubled = this.#selected.find((selected) => {
        const selecting = views.filter((view) => selects(view, selected));
        return selecting.some(
          (view) => isOurs(view) && selecting.some((other) => isSecond(view, other, selected.name)),
        );
      });
      if (doubled === undefined) return;
      advise(
        "views",
        `another View selects ${doubled.name} too, so that all its measurements count twice; give that View to withExperiments() in place of ours, or take ours away and wrap the MeterProvider: withExperiments(meterProvider)`,
      );
    } catch {
      // The SDK keeps its Views in another way than those we know.
    }
  }
}

/** Two of one name are one stream; without a name of its own, a View's stream has the instrument's. */
function isSecond(view: SdkView, other: SdkView, instrument: string): boolean {
  return view !== other && (view.name ?? instrument) === (other.name ?? instrument);
}

function registeredViews(): readonly SdkView[] {
  // why: what the SDKs have inside; every part is looked for before it is used
  const provider = metrics.getMeterProvider() as SdkMeterProvider;
  const views = provider._sharedState?.viewRegistry?._registeredViews;
  return Array.isArray(views) ? views : [];
}

/** What is not known of the instrument counts as selected only by a View that does not ask for it. */
function selects({ instrumentSelector, meterSelector }: SdkView, { name, meter = ANY, unit }: Selected): boolean {
  const asks = (filter: Filter | undefined, text: string): boolean => filter?.match(text) === true;
  const type = instrumentSelector?.getType?.();
  return (
    asks(instrumentSelector?.getNameFilter?.(), name) &&
    asks(meterSelector?.getNameFilter?.(), meter) &&
    asks(instrumentSelector?.getUnitFilter?.(), unit ?? ANY) &&
    (type === undefined || (unit !== undefined && type === "HISTOGRAM"))
  );
}
