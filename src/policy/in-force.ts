import { processWide } from "../process-wide.ts";
import type { EgressPolicy } from "./egress-policy.ts";

/** The policies of all open instances. The process-wide stop applies each of them to each request. */
export const policiesInForce: () => Set<EgressPolicy> = processWide("policies.v1", () => new Set());
