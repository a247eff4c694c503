import { EventEmitter } from "node:events";
import { type ExperimentsHandle, inbound, type OpenRequest } from "otel-experiments/adapter";

/** What the request came with. */
interface Incoming {
  /** The `baggage` header. */
  readonly header?: string | readonly string[];
  readonly peer?: string;
  /** Where several instances are to open the same one. */
  readonly request?: EventEmitter;
  readonly response?: EventEmitter;
}

/** A request without a server, opened as an adapter opens one. */
export interface OpenedRequest extends OpenRequest {
  /** The response is over. */
  close(): void;
}

/** Opens a request of nobody's, for what needs a scope and no wire. */
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
  return { ...opened, close: () => void response.emit("close") };
}
