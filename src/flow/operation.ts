import {
  type Attributes,
  type AttributeValue,
  type Context,
  context,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { ATTR_EXPERIMENT_ID, ATTR_EXPERIMENT_VARIANT } from "../assignment/assignment.ts";
import { attempt } from "../checks/diagnostics.ts";
import { errorType } from "../http-spans/http-attributes.ts";
import type { Instance } from "../instance/instance.ts";
import { scopeStorage } from "../scope/current.ts";
import { latestScope, scopeOwnedBy } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { readThrown } from "./thrown.ts";

/** What an operation begins with. */
export interface Beginning {
  readonly instance: Instance;
  readonly tracer: Tracer | undefined;
  readonly spanName: string;
  readonly attributes: Attributes;
  /** Where the span belongs. */
  readonly parent: Context;
  /** For code whose async context is lost: what the operation around this one knew. */
  readonly around: Operation | undefined;
}

/** What an operation failed with. */
export interface Failure {
  readonly error: unknown;
  /** Whether the error is to be recorded as an exception here. */
  readonly isNew: boolean;
}

/**
 * What a flow and each of its steps are to OpenTelemetry: a span, the active one while a function runs, in the scope
 * in which it began. Nothing here throws.
 */
export class Operation {
  /** With the operation's span. */
  readonly context: Context;
  readonly #instance: Instance;
  readonly #span: Span | undefined;
  /** The scopes of the code that began it, of whichever instances. What ends it may be another request's code. */
  readonly #scopes: RequestScope | undefined;
  readonly #startedAt = performance.now();
  #isOver = false;

  constructor({ instance, tracer, spanName, attributes, parent, around }: Beginning) {
    this.#instance = instance;
    this.#scopes = latestScope(parent) ?? (around === undefined ? undefined : around.#scopes);
    const active = this.#underServerSpan(parent);
    this.#span = attempt("span", "the span of a flow could not be started", () =>
      tracer?.startSpan(spanName, { attributes }, active),
    );
    this.context = this.#span === undefined ? active : trace.setSpan(active, this.#span);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** This instance's. */
  get scope(): RequestScope {
    return scopeOwnedBy(this.#instance, this.#scopes) ?? this.#instance.emptyScope;
  }

  /** Where OpenTelemetry's context is lost and the scope is not, the request's span is still known. */
  #underServerSpan(parent: Context): Context {
    const { serverSpan } = this.scope;
    return serverSpan === undefined || trace.getSpan(parent) !== undefined ? parent : trace.setSpan(parent, serverSpan);
  }

  /** Runs code as a part of the operation. Its result and its error are those of `fn`, which is called once. */
  call<T>(active: Context, fn: () => T): T {
    const scopes = scopeStorage();
    const known = this.#scopes;
    const inScope = known !== undefined && scopes.getStore() === undefined ? () => scopes.run(known, fn) : fn;
    return context.with(active, inScope);
  }

  /** Runs what measures the operation, wherever it ends. */
  inScope(measure: () => void): void {
    attempt("meter", "a flow could not be measured", () =>
      scopeStorage().run(this.#scopes, () => context.with(this.context, measure)),
    );
  }

  set(name: string, value: AttributeValue): void {
    if (this.#isOver) return;
    attempt("span", "the span of a flow refused an attribute", () => this.#span?.setAttribute(name, value));
  }

  /** Once. @returns how long it took, in seconds */
  end(attributes: Attributes, failure: Failure | undefined): number {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const span = this.#span;
    this.#isOver = true;
    attempt("span", "the span of a flow refused an attribute", () => {
      if (span?.isRecording() !== true) return;
      const { flat } = this.scope;
      if (flat !== undefined && !namesExperiment(span)) span.setAttributes(flat.flatPair);
      span.setAttributes(attributes);
      if (failure !== undefined) showFailure(span, failure);
    });
    attempt("span", "the span of a flow could not be ended", () => span?.end());
    return seconds;
  }
}

/** What stands on the span already is a processor's or the user's. Only the SDK's spans show it. */
function namesExperiment(span: Span): boolean {
  const attributes: unknown = Reflect.get(span, "attributes");
  return (
    typeof attributes === "object" &&
    attributes !== null &&
    (ATTR_EXPERIMENT_ID in attributes || ATTR_EXPERIMENT_VARIANT in attributes)
  );
}

function showFailure(span: Span, { error, isNew }: Failure): void {
  const thrown = readThrown(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
  span.setAttribute("error.type", errorType(thrown));
  if (isNew) span.recordException(thrown);
}
