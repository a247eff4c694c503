import { defineEgress } from "./matrix.ts";

await defineEgress({ name: "instrumentation-undici before us", before: ["undici"], after: [] });
