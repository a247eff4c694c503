import { isAttentive } from "../checks/development.ts";
import type { RequestOutcome } from "../http/shapes.ts";
import { missServerSpan, requireSdk } from "../http-spans/missing-server-span.ts";
import { sayWhatHolds } from "../instance/first-hour.ts";
import { isInstance } from "../instance/instance.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** A response, as far as its end is read. */
export interface AnsweringResponse {
  readonly statusCode?: number | undefined;
  readonly headersSent?: boolean | undefined;
  /** False at the `finish` that Node's HTTP/2 emits for an aborted stream. */
  readonly writableEnded?: boolean | undefined;
  /** The error with which the response was destroyed. */
  readonly errored?: unknown;
}

/** The error of an aborted response, if it has none. */
const ABORTED = Object.freeze({ name: "aborted" });

/** @param isSent whether the whole response was sent; else it was broken off, or its outcome is known already */
export function outcomeOf({ headersSent, statusCode, errored }: AnsweringResponse, isSent: boolean): RequestOutcome {
  if (isSent) return { status: statusCode };
  return { status: headersSent === true ? statusCode : undefined, error: errored ?? ABORTED };
}

/** Idempotent. After this the server span is not written to; the scopes still count for late work. */
export function endRequest(latest: RequestScope, outcome: RequestOutcome): void {
  latest.selfMeasured?.end(outcome);
  if (isAttentive()) sayOnce(latest);
  for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
    if (!scope.ended && scope.lacksServerSpan) missServerSpan();
    scope.end();
  }
}

/** At the end, since a framework's plugin may make the server span late. */
function sayOnce(latest: RequestScope): void {
  for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
    const { owner, selfMeasured, serverSpan } = scope;
    if (isInstance(owner)) {
      sayWhatHolds(owner, () => {
        if (!requireSdk()) return "nobody, without an OpenTelemetry SDK";
        if (selfMeasured !== undefined) return "the adapter";
        return serverSpan === undefined ? "nobody" : "an instrumentation";
      });
    }
  }
}
