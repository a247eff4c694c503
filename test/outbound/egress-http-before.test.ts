import { defineEgress } from "./egress/matrix.ts";

await defineEgress({ name: "instrumentation-http before us", before: ["http"], after: [] });
