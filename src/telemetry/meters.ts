import type { MeterIdentity } from "./late-instrument.ts";
import { AttributedMeter, type Attribution, type ScopeFinder } from "./meter.ts";

/** The meters of one instance, one for each identity and attribution, so a handler can ask for a meter cheaply. */
export class Meters {
  readonly #findScope: ScopeFinder;
  readonly #meters = new Map<string, AttributedMeter>();

  constructor(findScope: ScopeFinder) {
    this.#findScope = findScope;
  }

  get(identity: MeterIdentity, attribution: Attribution): AttributedMeter {
    const { name, version, options } = identity;
    const id = JSON.stringify([name, version, options?.schemaUrl, attribution]);
    let meter = this.#meters.get(id);
    if (meter === undefined) {
      meter = new AttributedMeter(identity, attribution, this.#findScope);
      this.#meters.set(id, meter);
    }
    return meter;
  }
}
