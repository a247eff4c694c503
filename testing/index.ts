/**
 * The contracts of adapters, as data, for adapters of this package and of others. Any test runner will do: the cases
 * assert with `node:assert` and need no globals. docs/adapters.md shows how.
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
export { send, WireConnection, type WireRequest, type WireResponse } from "./wire/client.ts";
export type { WireMessage } from "./wire/http-bytes.ts";
export { startWireServer, type WireAnswer, type WireServer } from "./wire/server.ts";
