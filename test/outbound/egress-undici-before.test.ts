import { defineEgress } from "./egress/matrix.ts";

await defineEgress({ name: "instrumentation-undici before us", before: ["undici"], after: [] });
