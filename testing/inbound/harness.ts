import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExperimentsHandle } from "../../src/index.ts";
import type { ContractCase, Harness } from "../case.ts";

/** One request as a case sees it, whichever the framework. */
export interface InboundExchange {
  /** node:http's own. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The framework's request or context; node:http's request where there is no other. */
  readonly native: object;
  /** What stands at the place where the adapter offers the scope; undefined where it has none. */
  readonly placed: unknown;
  /** What `prepare` made of the body. */
  readonly body: unknown;
  /** Answers by the framework's means. The handler may have returned before. */
  reply(status: number, body: string): void;
}

/** What a case asks a harness to serve. */
export interface InboundApp {
  /** Mounted one after the other in front of everything else; none for a server without us. */
  readonly mount: readonly ExperimentsHandle[];
  /** Serves every method and path. Its error, thrown or rejected, goes to the framework. */
  readonly handler: (exchange: InboundExchange) => unknown;
  /**
   * What stands between the two: a parser of JSON (up to 1 MB), one of multipart forms (`body` is then a `FormSize`), or
   * something that reads the body away and goes on from the request's `end` event.
   */
  readonly prepare?: "json" | "multipart" | "end";
  /** Is told of the handler's error where the framework tells of errors. The harness answers 500 then. */
  readonly onError?: (error: unknown, exchange: Pick<InboundExchange, "request">) => void;
}

/** What a harness makes of a multipart form. */
export interface FormSize {
  readonly fields: number;
  /** Of all files together. */
  readonly bytes: number;
}

/** A server on a free port of 127.0.0.1. */
export interface InboundServer {
  readonly port: number;
  /** Closes connections too, also those whose request is never answered. */
  close(): Promise<void>;
}

/** One framework with its adapter. */
export interface InboundHarness extends Harness {
  /** Starts a server with the app, one for each call. */
  serve(app: InboundApp): Promise<InboundServer>;
}

/** One thing that every inbound adapter must do. */
export type InboundCase = ContractCase<InboundHarness>;
