import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "instrumentation-undici before us, and every client writes",
  before: ["undici"],
  after: [],
  outgoing: true,
});
