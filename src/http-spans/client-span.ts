import { type Attributes, type Context, type Histogram, type Span, SpanStatusCode } from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import { LateInstrument } from "../telemetry/late-instrument.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { DURATION_BOUNDARIES, errorMessage, errorType } from "./http-attributes.ts";

/** The property of undici's request that holds its span, for later events and for `ignoreExperimentRequests`. */
const SPAN = Symbol.for("otel-experiments.client-span.v1");

interface SpanHolder {
  [SPAN]?: ClientSpan;
}

const duration: LateInstrument<Histogram> = new LateInstrument(
  { name: SCOPE_NAME, version: VERSION, options: undefined },
  (meter) =>
    meter.createHistogram("http.client.request.duration", {
      unit: "s",
      description: "Duration of HTTP client requests.",
      advice: { explicitBucketBoundaries: [...DURATION_BOUNDARIES] },
    }),
);

/** The values that a `ClientSpan` starts with. */
export interface Beginning {
  /** Undefined if a span processor of the application threw. */
  readonly span: Span | undefined;
  /** The call's context with the span, in which the duration is measured. */
  readonly active: Context;
  /** The scope whose flat pair is on the measurement. */
  readonly scope: { readonly attributes: Attributes } | undefined;
  /** The request's attributes on the measurement. */
  readonly measured: Attributes;
}

/** One request's CLIENT span and duration, from its creation until the response is read or the request fails. */
export class ClientSpan {
  readonly #beginning: Beginning;
  readonly #release: () => void;
  readonly #startedAt = performance.now();
  #status: number | undefined;
  #errorType: string | undefined;
  #over = false;

  /** @param release called once, when the span is over */
  constructor(beginning: Beginning, release: () => void) {
    this.#beginning = beginning;
    this.#release = release;
  }

  static of(request: object): ClientSpan | undefined {
    const holder: SpanHolder = request;
    return holder[SPAN];
  }

  attachTo(request: object): void {
    const holder: SpanHolder = request;
    holder[SPAN] = this;
  }

  get over(): boolean {
    return this.#over;
  }

  /** @param protocol the protocol that ALPN negotiated; HTTP/1 may have none */
  written(protocol: unknown): void {
    if (!this.#over) this.#beginning.span?.setAttribute("network.protocol.version", protocol === "h2" ? "2" : "1.1");
  }

  /** Ignores interim responses (1xx), except 101, which is final. */
  answered(status: number): void {
    if (this.#over || (status < 200 && status !== 101)) return;
    const { span } = this.#beginning;
    this.#status = status;
    span?.setAttribute("http.response.status_code", status);
    if (status >= 400) this.#fail(String(status), undefined);
  }

  /** Idempotent; the first end counts. An error status takes precedence over a later error while reading the body. */
  end(error?: unknown): void {
    if (!this.#close()) return;
    if (error !== undefined && this.#errorType === undefined) this.#fail(errorType(error), errorMessage(error));
    attempt("client-span", "a CLIENT span could not be ended", () => this.#beginning.span?.end());
    attempt("meter", "the duration of a request could not be recorded", () => this.#measure());
  }

  /** Gives the span up, since an instrumentation makes one too: a span that never ends is never exported. */
  drop(): void {
    this.#close();
  }

  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#release();
    return true;
  }

  #fail(type: string, message: string | undefined): void {
    const { span } = this.#beginning;
    this.#errorType = type;
    span?.setAttribute("error.type", type);
    span?.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
  }

  #measure(): void {
    const { measured, scope, active } = this.#beginning;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    duration.get()?.record(
      seconds,
      {
        ...measured,
        ...(this.#status === undefined ? {} : { "http.response.status_code": this.#status }),
        ...(this.#errorType === undefined ? {} : { "error.type": this.#errorType }),
        ...scope?.attributes,
      },
      active,
    );
  }
}
