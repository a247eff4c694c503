import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "instrumentation-http before us, and every client writes",
  before: ["http"],
  after: [],
  outgoing: true,
});
