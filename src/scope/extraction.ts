import { type Baggage, type Context, createContextKey, type Span } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "./request-scope.ts";

/** The value that the package's propagator leaves in a context about the carrier that it read. */
export interface Extraction {
  /** The scope in `scopeStorage` when the carrier was read. */
  readonly during: RequestScope | undefined;
  /** The scope that was placed in the context when the carrier was read. */
  readonly placed: RequestScope | null | undefined;
  /** The span of the context's RPC metadata when the carrier was read. */
  readonly served: Span | undefined;
  /** The foreign members that were received: the texts to write for a baggage that may have changed. */
  readonly foreign: { textsFor(baggage: Baggage): readonly string[] };
  /** Opens the scope on the first call. Undefined for an HTTP request, whose adapter opens its scope. */
  scope(): RequestScope | undefined;
}

/** Whether the package's propagator has read a carrier. Until then no context holds an extraction. */
export const extractions: () => { areMade: boolean } = processWide("extractions.v1", () => ({ areMade: false }));

/** OpenTelemetry makes one key of each description, so all copies of the package share this one. */
const EXTRACTION = createContextKey("otel-experiments.extraction.v1");

export function withExtraction(active: Context, extraction: Extraction): Context {
  return active.setValue(EXTRACTION, extraction);
}

export function extractionIn(active: Context): Extraction | undefined {
  // why: only this package writes under this key
  return active.getValue(EXTRACTION) as Extraction | undefined;
}

/**
 * What a context says of the carrier that it was extracted from. Undefined if a request began after the carrier was read:
 * if the context now has another placed scope or another RPC span than then, or if a message runs in `scopeStorage`,
 * whose code may use a context that it extracted before.
 *
 * @param placed the scope that is placed in the context
 */
export function standingExtraction(
  active: Context,
  here: RequestScope | undefined,
  placed: RequestScope | null | undefined,
): Extraction | undefined {
  const extraction = extractionIn(active);
  if (extraction === undefined || placed !== extraction.placed) return undefined;
  if (here !== undefined && here !== extraction.during && "isCarried" in here) return undefined;
  const served = getRPCMetadata(active)?.span;
  return served === undefined || served === extraction.served ? extraction : undefined;
}
