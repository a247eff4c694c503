import type { Catalog } from "../assignment/catalog.ts";
import type { OwnMemberReader } from "../baggage/own.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import type { Trust } from "../policy/trust.ts";
import type { ExperimentCounters } from "../telemetry/counters.ts";

/** The part of an instance that reads a `baggage` header. */
export interface Receiver {
  readonly options: {
    readonly reader: OwnMemberReader;
    readonly trust: Trust;
    readonly fields: CompiledFields;
    readonly primary: string | undefined;
    readonly dropsUnknown: boolean;
  };
  readonly catalog: Catalog;
  readonly counters: ExperimentCounters;
}
