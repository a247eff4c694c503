import { type Context, context, propagation, type Span, SpanKind, type TextMapGetter, trace } from "@opentelemetry/api";
import { getRPCMetadata, type RPCMetadata, RPCType, setRPCMetadata } from "@opentelemetry/core";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { spanName } from "./http-attributes.ts";
import { type DescribedRequest, methodIn, serverAttributes } from "./server-attributes.ts";

/** A SERVER span that the package created, and the context in which its request runs. */
export interface CreatedServerSpan {
  readonly span: Span;
  readonly context: Context;
  /** The instrumentation of a framework writes the route here. */
  readonly metadata: RPCMetadata;
}

/**
 * Starts a SERVER span for a request without one. Its parent is the caller's span. The RPC metadata of its context lets
 * the instrumentations of frameworks nest under it. The other values of the active context are kept.
 *
 * @param isInjected whether the request was injected within another one. If so, and no header names a parent, the active
 *   span is the parent. Otherwise the active span belongs to the code that started the server, and is not used
 * @param cleaned removes own members from the baggage that the propagator read without asking `trustInbound`
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

/** Whether the running code is in the context of a created server span, or deeper. */
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
