import { type Context, createContextKey, type Span } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "./request-scope.ts";

/** What our propagator notes in the context that it gives, of the carrier that it read. */
export interface Extraction {
  /** The scope of our own async context when the carrier was read. */
  readonly during: RequestScope | undefined;
  /** The span of the RPC metadata that the context had then. */
  readonly served: Span | undefined;
  /** Opened when it is first asked for. Undefined for an HTTP request, whose adapter opens its scope. */
  scope(): RequestScope | undefined;
}

/** Whether the propagator of the package has read a carrier. Until then no context holds an extraction. */
export const extractions: () => { areMade: boolean } = processWide("extractions.v1", () => ({ areMade: false }));

/** OpenTelemetry makes context keys of one description the same in all of its copies, and so in all of ours. */
const EXTRACTION = createContextKey("otel-experiments.extraction.v1");

export function withExtraction(active: Context, extraction: Extraction): Context {
  return active.setValue(EXTRACTION, extraction);
}

export function extractionIn(active: Context): Extraction | undefined {
  // why: nobody else writes under our own key
  return active.getValue(EXTRACTION) as Extraction | undefined;
}

/**
 * The scope of the carrier that a context was extracted from, unless a later one counts: one that our own async context
 * or the RPC metadata has now and did not have when the carrier was read.
 */
export function extractedScope(active: Context, here: RequestScope | undefined): RequestScope | undefined {
  const extraction = extractionIn(active);
  if (extraction === undefined || (here !== undefined && here !== extraction.during)) return undefined;
  const served = getRPCMetadata(active)?.span;
  return served === undefined || served === extraction.served ? extraction.scope() : undefined;
}
