import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "instrumentation-undici after us, and every client writes",
  before: [],
  after: ["undici"],
  outgoing: true,
});
