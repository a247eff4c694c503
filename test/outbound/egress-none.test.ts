import { defineEgress } from "./egress/matrix.ts";

await defineEgress({ name: "no instrumentation", before: [], after: [] });
