import { createServer } from "node:http";
import {
  attempt,
  evaluations,
  fromNodeRequest,
  ignoreExperimentRequests,
  inbound,
  linesOf,
  outbound,
  outboundForAllClients,
  rememberScope,
  TEST_HEADER,
  TICKET_HEADER,
  testToken,
  withCookie,
} from "otel-experiments/adapter";
import {
  checkInboundCase,
  checkOutboundCase,
  inboundContract,
  outboundContract,
  runWith,
  send,
  startWireServer,
  testHeaders,
} from "otel-experiments/testing";
import { experiments, inline } from "./experiments.js";

export const open = inbound(experiments, { serverSpan: "reuse" });
export const start = outbound(experiments, { spans: true });
export const started = start();
export const evaluated = evaluations(experiments);
export const everywhere = outboundForAllClients(experiments);
export const remembered = rememberScope();
export const token = testToken(experiments, {}, {});
export const names = [TEST_HEADER, TICKET_HEADER] as const;
export const others = { attempt, linesOf, withCookie, ignoreExperimentRequests, fromNodeRequest };
export const server = createServer((request, response) => {
  const opened = open(fromNodeRequest(request, response));
  opened.run(() => response.end());
});
export const openOne = (...exchange: Parameters<typeof fromNodeRequest>) => open(fromNodeRequest(...exchange));

export const headers = testHeaders(experiments, { checkout: "express" }, { user_tier: "premium" });
export const ran = runWith({ cart: "big" }, () => inline.use("cart"));
export const contracts = { inboundContract, outboundContract };
export const checks = { checkInboundCase, checkOutboundCase };
export const harnesses = inboundContract.map((each) => each.run);
export const wire = { send, startWireServer };
export const sent = send(1, {});
export const wireServer = startWireServer();
