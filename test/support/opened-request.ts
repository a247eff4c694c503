import { EventEmitter } from "node:events";
import { type ExperimentsHandle, inbound, type OpenRequest } from "otel-experiments/adapter";

/** The facts of an incoming request. */
interface Incoming {
  /** The `baggage` header. */
  readonly header?: string | readonly string[];
  readonly peer?: string;
  /** Set it to open the same request for several instances. */
  readonly request?: EventEmitter;
  readonly response?: EventEmitter;
}

/** A request without a server, opened as an adapter opens it. */
export interface OpenedRequest extends OpenRequest {
  /** Ends the response. */
  close(): void;
}

/** Opens a request, for tests that need a scope but no connection. */
export function openRequest(
  experiments: ExperimentsHandle,
  { header, peer = "127.0.0.1", request = new EventEmitter(), response = new EventEmitter() }: Incoming = {},
): OpenedRequest {
  const opened = inbound(experiments)({
    header: (name) => (name === "baggage" ? header : undefined),
    peer,
    request,
    response,
  });
  const { scope, assigned, run, end } = opened;
  return { scope, assigned, run, end, close: () => void response.emit("close") };
}
