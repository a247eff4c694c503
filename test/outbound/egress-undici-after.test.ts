import { defineEgress } from "./egress/matrix.ts";

await defineEgress({ name: "instrumentation-undici after us", before: [], after: ["undici"] });
