import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "instrumentation-http after us, and every client writes",
  before: [],
  after: ["http"],
  outgoing: true,
});
