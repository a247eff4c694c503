import type { Attributes, Span } from "@opentelemetry/api";
import { warnOnce } from "../checks/diagnostics.ts";
import type { ScopeAssignments } from "./scope-assignments.ts";

/** The server span of one scope, and the attributes that it has still to be given. */
export class ServerSpanRecord {
  #span: Span | undefined;
  /** How many assignments the span has. */
  #written = 0;
  #pending: Attributes | undefined;

  get span(): Span | undefined {
    return this.#span;
  }

  /** A span that is claimed after another one gets what that one has not. */
  claim(span: Span): void {
    this.#span = span;
  }

  /** Attributes that no assignment has; a span that is claimed later gets them too. */
  annotate(attributes: Attributes): void {
    this.#pending = { ...this.#pending, ...attributes };
  }

  /** Writes to the span what it does not have yet. Never throws. */
  write(assignments: ScopeAssignments | undefined): void {
    const span = this.#span;
    if (span === undefined) return;
    try {
      // OpenTelemetry may end the span before the response emits its last events.
      if (!span.isRecording()) return;
      if (assignments !== undefined) this.#writeAssignments(span, assignments);
      if (this.#pending !== undefined) span.setAttributes(this.#pending);
      this.#pending = undefined;
    } catch (error) {
      warnOnce("span", "the server span refused the attributes", error);
    }
  }

  #writeAssignments(span: Span, { compiled, flat }: ScopeAssignments): void {
    for (; this.#written < compiled.length; this.#written++) {
      const assignment = compiled[this.#written];
      if (assignment === undefined) continue;
      span.setAttributes(assignment === flat ? assignment.spanAttributes : assignment.keyedAttributes);
    }
  }
}
