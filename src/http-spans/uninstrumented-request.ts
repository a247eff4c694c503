import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  type Span,
  SpanStatusCode,
  trace,
  ValueType,
} from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import type { RequestOutcome } from "../http/shapes.ts";
import { LateInstrument } from "../telemetry/late-instrument.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { type CreatedServerSpan, isWithin } from "./created-server-span.ts";
import { DURATION_BOUNDARIES, errorType, spanName } from "./http-attributes.ts";
import { boundedRoute } from "./routes.ts";
import { type DescribedRequest, durationAttributes, methodIn } from "./server-attributes.ts";

/** The sources of a request's attributes, read when it has ended. */
export interface UninstrumentedRequestSources {
  readonly described: DescribedRequest;
  /** The option `route`, which takes precedence over the framework's route. */
  readonly namedRoute: () => unknown;
  readonly frameworkRoute: () => unknown;
  /** The scope's bounded flat pair when the request ends. */
  readonly pair: () => Attributes;
}

const duration = new LateInstrument<Histogram>({ name: SCOPE_NAME, version: VERSION, options: undefined }, (meter) =>
  meter.createHistogram("http.server.request.duration", {
    unit: "s",
    description: "Duration of HTTP server requests.",
    valueType: ValueType.DOUBLE,
    advice: { explicitBucketBoundaries: [...DURATION_BOUNDARIES] },
  }),
);

/** A request without an HTTP instrumentation: the package measures it, and ends the SERVER span if it created that. */
export class UninstrumentedRequest {
  /** Undefined after the end, so that the request and its response can be collected. */
  #sources: UninstrumentedRequestSources | undefined;
  #created: CreatedServerSpan | undefined;
  readonly #span: Span | undefined;
  readonly #started = performance.now();

  /** @param foreign the SERVER span that the framework's plugin made and ends, if there is one */
  constructor(sources: UninstrumentedRequestSources, created: CreatedServerSpan | undefined, foreign?: Span) {
    this.#sources = sources;
    this.#created = created;
    this.#span = created?.span ?? foreign;
  }

  /** The request's SERVER span: the created one or the foreign one. */
  get span(): Span | undefined {
    return this.#span;
  }

  /** Replaces the context of the request by a cleaned one. */
  refine(cleaned: (served: Context) => Context): void {
    if (this.#created !== undefined) this.#created = { ...this.#created, context: cleaned(this.#created.context) };
  }

  /** Runs code in the context of the created span. Code that runs there already, or deeper, keeps its context. */
  within<T>(fn: () => T): T {
    const created = this.#created;
    return created === undefined || isWithin(created) ? fn() : context.with(created.context, fn);
  }

  /** Idempotent; the first outcome wins. */
  end(outcome: RequestOutcome): void {
    const sources = this.#sources;
    if (sources === undefined) return;
    this.#sources = undefined;
    const seconds = (performance.now() - this.#started) / 1000;
    const ending = endingAttributes(outcome, this.#route(sources));
    this.#endSpan(sources, ending);
    this.#measure(sources, seconds, ending);
  }

  #route({ namedRoute, frameworkRoute }: UninstrumentedRequestSources): string | undefined {
    return attempt("route", "the route of a request could not be found", () =>
      boundedRoute(namedRoute() ?? this.#created?.metadata.route ?? frameworkRoute()),
    );
  }

  #endSpan({ described }: UninstrumentedRequestSources, ending: Attributes): void {
    const span = this.#created?.span;
    if (span === undefined) return;
    attempt("span", "the server span could not be described", () => {
      const { "http.route": route, "error.type": error } = ending;
      span.setAttributes(ending);
      if (typeof route === "string") span.updateName(spanName(methodIn(described), route));
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    });
    attempt("span", "the server span could not be ended", () => span.end());
  }

  #measure({ described, pair }: UninstrumentedRequestSources, seconds: number, ending: Attributes): void {
    attempt("meter", "the duration of a request could not be measured", () => {
      const attributes = { ...durationAttributes(described), ...ending, ...pair() };
      const served = this.#created?.context ?? context.active();
      const span = this.#span;
      duration.get()?.record(seconds, attributes, span === undefined ? served : trace.setSpan(served, span));
    });
  }
}

/** The attributes of a request's end, for its span and its measurement. A status below 500 is no error of a server. */
function endingAttributes({ status, error }: RequestOutcome, route: string | undefined): Attributes {
  const isBroken = error !== undefined && error !== null;
  return {
    ...(status === undefined ? {} : { "http.response.status_code": status }),
    ...(route === undefined ? {} : { "http.route": route }),
    ...(isBroken ? { "error.type": errorType(error) } : {}),
    ...(!isBroken && status !== undefined && status >= 500 ? { "error.type": String(status) } : {}),
  };
}
