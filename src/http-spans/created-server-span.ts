import { type Context, context, propagation, type Span, SpanKind, type TextMapGetter, trace } from "@opentelemetry/api";
import { getRPCMetadata, type RPCMetadata, RPCType, setRPCMetadata } from "@opentelemetry/core";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { spanName } from "./http-attributes.ts";
import { type DescribedRequest, methodIn, serverAttributes } from "./server-attributes.ts";

/** A SERVER span of our own, and the context in which its request is served. */
export interface CreatedServerSpan {
  readonly span: Span;
  readonly context: Context;
  /** Where the instrumentation of a framework leaves the route that it found. */
  readonly metadata: RPCMetadata;
}

/**
 * Starts the SERVER span of a request that no instrumentation made one for, below the caller's span. The RPC metadata
 * of its context lets the instrumentations of frameworks nest under it. What else the active context holds stays there.
 *
 * @param isInjected whether the request is made within another one, whose active span is its parent where no header
 *   names one; else the active span belongs to whatever started the server, and is nobody's parent
 * @param cleaned takes own members out of the baggage that the propagator read, past trust
 */
export function createServerSpan(
  described: DescribedRequest,
  isInjected: boolean,
  cleaned: (extracted: Context) => Context,
): CreatedServerSpan | undefined {
  return attempt("span", "the server span could not be made", () => {
    const active = context.active();
    const parent = cleaned(extract(described, isInjected ? active : trace.deleteSpan(active)));
    const span = trace
      .getTracer(SCOPE_NAME, VERSION)
      .startSpan(
        spanName(methodIn(described)),
        { kind: SpanKind.SERVER, attributes: serverAttributes(described) },
        parent,
      );
    const metadata: RPCMetadata = { type: RPCType.HTTP, span };
    return { span, context: setRPCMetadata(trace.setSpan(parent, span), metadata), metadata };
  });
}

/** Whether code runs in the context of a server span, or deeper. */
export function isWithin({ span }: CreatedServerSpan): boolean {
  return getRPCMetadata(context.active())?.span === span;
}

const HEADERS: TextMapGetter<DescribedRequest> = {
  get({ header }, name) {
    const value = header(name.toLowerCase());
    return typeof value === "object" ? [...value] : value;
  },
  keys: ({ request }) => Object.keys(request.headers ?? {}),
};

function extract(described: DescribedRequest, base: Context): Context {
  const extracted = attempt("inbound", "the propagator could not read a request", () =>
    propagation.extract(base, described, HEADERS),
  );
  return extracted ?? base;
}
