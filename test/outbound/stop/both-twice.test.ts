import { defineEgress } from "./matrix.ts";

await defineEgress({
  name: "both instrumentations, before us and after us",
  before: ["undici", "http"],
  after: ["undici", "http"],
});
