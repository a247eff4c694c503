import type { IncomingMessage, ServerResponse } from "node:http";
import type { Span } from "@opentelemetry/api";
import type { HeaderGetter } from "../http/shapes.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { keepCookie, setCookie } from "./response-cookies.ts";

/** The details of a request that node:http does not have. */
export type NodeRequestDetails = Pick<InboundRequest, "native" | "route" | "serverSpan" | "setCookie" | "url">;

/**
 * A request of node:http, as an adapter describes it to the core. Properties are read on use. An adapter extends it with
 * what its framework knows: all requests of an adapter then have one shape, and none has a function of its own.
 */
export class NodeInboundRequest<
  Request extends IncomingMessage = IncomingMessage,
  Response extends ServerResponse = ServerResponse,
> implements InboundRequest
{
  readonly request: Request;
  readonly response: Response;
  readonly native: object | undefined;
  readonly url: string | undefined;

  constructor(request: Request, response: Response, native?: object, url?: string) {
    this.request = request;
    this.response = response;
    this.native = native;
    this.url = url;
  }

  get header(): HeaderGetter {
    const { headers } = this.request;
    return (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined);
  }

  hasHeaderOf(names: ReadonlySet<string>): boolean {
    const { headers } = this.request;
    for (const name in headers) {
      if (names.has(name) && Object.hasOwn(headers, name) && headers[name] !== undefined) return true;
    }
    return false;
  }

  get peer(): string | undefined {
    return this.request.socket?.remoteAddress;
  }

  setCookie(name: string, line: string, sent?: () => void): boolean {
    const isSet = this.putCookie(name, line);
    if (isSet) keepCookie(this.response, { name, line, sent });
    return isSet;
  }

  /** Adds a `Set-Cookie` line by the framework's means. False if the headers are already sent. */
  protected putCookie(name: string, line: string): boolean {
    return setCookie(this.response, name, line);
  }

  /** The framework's route; undefined if it has none. */
  route(): string | undefined {
    return undefined;
  }

  /** The server span that a plugin of the framework made; undefined if there is none. */
  serverSpan(): Span | undefined {
    return undefined;
  }
}

class DetailedRequest extends NodeInboundRequest {
  readonly #details: NodeRequestDetails;

  constructor(request: IncomingMessage, response: ServerResponse, details: NodeRequestDetails) {
    super(request, response, details.native, details.url);
    this.#details = details;
  }

  protected override putCookie(name: string, line: string): boolean {
    return this.#details.setCookie?.(name, line) ?? super.putCookie(name, line);
  }

  override route(): string | undefined {
    return this.#details.route?.();
  }

  override serverSpan(): Span | undefined {
    return this.#details.serverSpan?.();
  }
}

/** Describes node:http's request to the core. Properties are read on use. */
export function fromNodeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  details?: NodeRequestDetails,
): InboundRequest {
  return details === undefined
    ? new NodeInboundRequest(request, response)
    : new DetailedRequest(request, response, details);
}
