import type { ExperimentsHandle } from "../../src/index.ts";
import type { ContractCase, Harness } from "../case.ts";

/** One request as a case makes it, whichever the client. */
export interface OutboundRequest {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What becomes of a redirect, where the client follows them at all. Default: `"follow"`. */
  readonly redirect?: "follow" | "manual";
}

/** The answer to one, read to its end. */
export interface OutboundAnswer {
  readonly status: number;
  readonly body: string;
}

/** A client that passes variants on. */
export interface OutboundClient {
  /** Rejects with the client's own error where there is no answer. */
  request(url: string, request?: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** One client with its adapter. */
export interface OutboundHarness extends Harness {
  /** Makes a client that passes on what these experiments know, one for each call. */
  create(experiments: ExperimentsHandle): OutboundClient;
}

/** One thing that every outbound adapter must do. */
export type OutboundCase = ContractCase<OutboundHarness>;
