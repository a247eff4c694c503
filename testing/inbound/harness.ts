import type { IncomingMessage, ServerResponse } from "node:http";
import type { InboundOptions } from "../../src/adapter.ts";
import type { ExperimentsHandle } from "../../src/index.ts";
import type { ContractCase, Harness } from "../case.ts";

/** One request as a case sees it, the same for all frameworks. */
export interface InboundExchange {
  /** node:http's request. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The framework's request or context, or node:http's request if there is no other. */
  readonly native: object;
  /** The value at the place where the adapter offers the scope. Undefined if the adapter has no such place. */
  readonly placed: unknown;
  /** The body as `prepare` parsed it. */
  readonly body: unknown;
  /** Answers with the framework's own API, possibly after the handler has returned. */
  reply(status: number, body: string): void;
}

/** The app that a case asks a harness to serve. */
export interface InboundApp {
  /** Mounted in this order, before everything else. Empty: a server without the middleware. */
  readonly mount: readonly ExperimentsHandle[];
  /** The adapter's options `subject`, `attributes` and `assign`, for each of them. Default: none. */
  readonly options?: Pick<InboundOptions<object, string>, "subject" | "attributes" | "assign">;
  /** Serves every method and path. If it throws or rejects, the error goes to the framework. */
  readonly handler: (exchange: InboundExchange) => unknown;
  /**
   * The step between the middleware and the handler: a parser of JSON (up to 1 MB), a parser of multipart forms (`body`
   * is then a `FormSize`), or a step that discards the body and continues from the request's `end` event.
   */
  readonly prepare?: "json" | "multipart" | "end";
  /** Called with the handler's error where the framework reports errors. The harness then answers 500. */
  readonly onError?: (error: unknown, exchange: Pick<InboundExchange, "request">) => void;
}

/** The size of a multipart form, as a harness parsed it. */
export interface FormSize {
  readonly fields: number;
  /** The sum over all files. */
  readonly bytes: number;
}

/** A server on a free port of 127.0.0.1. */
export interface InboundServer {
  readonly port: number;
  /** Also closes connections, even if their request is never answered. */
  close(): Promise<void>;
}

/** One framework with its adapter. */
export interface InboundHarness extends Harness {
  /** Starts a server with the app, a new one for each call. */
  serve(app: InboundApp): Promise<InboundServer>;
}

/** One requirement for every inbound adapter. */
export type InboundCase = ContractCase<InboundHarness>;
