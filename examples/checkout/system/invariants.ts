import type { Evidence } from "./evidence.ts";
import { booksInvariants } from "./invariants/books.ts";
import type { Finding } from "./invariants/finding.ts";
import { shopperInvariants } from "./invariants/shoppers.ts";
import { traceInvariants } from "./invariants/traces.ts";

/** Holds the evidence against each statement. A pure function. */
export function examine(evidence: Evidence): readonly Finding[] {
  return [...traceInvariants(evidence), ...shopperInvariants(evidence), ...booksInvariants(evidence)];
}
