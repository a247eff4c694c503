import { defineEgress } from "./matrix.ts";

await defineEgress({ name: "instrumentation-undici after us", before: [], after: ["undici"] });
