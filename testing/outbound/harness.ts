import type { ExperimentsHandle } from "../../src/index.ts";
import type { ContractCase, Harness } from "../case.ts";

/** One request as a case makes it, the same for all clients. */
export interface OutboundRequest {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether to follow a redirect, if the client can. Default: `"follow"`. */
  readonly redirect?: "follow" | "manual";
}

/** The answer to a request, read to its end. */
export interface OutboundAnswer {
  readonly status: number;
  readonly body: string;
}

/** A client that passes variants on. */
export interface OutboundClient {
  /** Rejects with the client's own error if there is no answer. */
  request(url: string, request?: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** One client with its adapter. */
export interface OutboundHarness extends Harness {
  /** Makes a client that passes the variants of these experiments on, a new one for each call. */
  create(experiments: ExperimentsHandle): OutboundClient;
}

/** One requirement for every outbound adapter. */
export type OutboundCase = ContractCase<OutboundHarness>;
