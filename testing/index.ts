/**
 * For tests of services: `runWith` for unit tests, and the header with which a test's request brings variants to a
 * server in the same process. For
 * adapters, of this package and of others: their contracts, as data. They run under any test runner: the cases use
 * `node:assert` and need no globals. See docs/adapters.md.
 */
export type { ContractCase, Harness } from "./case.ts";
export { checkInboundCase, checkInboundLacks, inboundContract } from "./inbound/contract.ts";
export type {
  FormSize,
  InboundApp,
  InboundCase,
  InboundExchange,
  InboundHarness,
  InboundServer,
} from "./inbound/harness.ts";
export { checkOutboundCase, checkOutboundLacks, outboundContract } from "./outbound/contract.ts";
export type {
  OutboundAnswer,
  OutboundCase,
  OutboundClient,
  OutboundHarness,
  OutboundRequest,
} from "./outbound/harness.ts";
export { runWith } from "./run-with.ts";
export { type TestFields, type TestVariants, testHeaders } from "./test-headers.ts";
export { send, WireConnection, type WireRequest, type WireResponse } from "./wire/client.ts";
export type { WireMessage } from "./wire/http-bytes.ts";
export { startWireServer, type WireAnswer, type WireServer } from "./wire/server.ts";
