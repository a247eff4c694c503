import test from "node:test";
import * as contracts from "otel-experiments/testing";
import { persistentHarness, tinyHarness } from "./harnesses.ts";

for (const each of contracts.inboundContract) {
  test(`${each.id} ${each.title}`, () => contracts.checkInboundCase(each, tinyHarness));
}
test("Tiny lacks only cases that exist", () => contracts.checkInboundLacks(tinyHarness));

for (const each of contracts.outboundContract) {
  test(`${each.id} ${each.title}`, () => contracts.checkOutboundCase(each, persistentHarness));
}
test("the client lacks only cases that exist", () => contracts.checkOutboundLacks(persistentHarness));
