import { defineEgress } from "./matrix.ts";

await defineEgress({ name: "instrumentation-http before us", before: ["http"], after: [] });
