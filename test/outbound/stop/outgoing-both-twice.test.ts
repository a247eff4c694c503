import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "both instrumentations, before us and after us, and every client writes",
  before: ["undici", "http"],
  after: ["undici", "http"],
  outgoing: true,
});
