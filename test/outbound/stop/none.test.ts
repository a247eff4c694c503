import { defineEgress } from "./matrix.ts";

await defineEgress({ name: "no instrumentation", before: [], after: [] });
