import { defineEgress } from "./matrix.ts";

await defineEgress({ name: "instrumentation-http after us", before: [], after: ["http"] });
