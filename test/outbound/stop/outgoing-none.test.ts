import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "no instrumentation, and every client writes",
  before: [],
  after: [],
  outgoing: true,
});
