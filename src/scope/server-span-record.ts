import type { Attributes, Span } from "@opentelemetry/api";
import { warnOnce } from "../checks/diagnostics.ts";
import type { ScopeAssignments } from "./scope-assignments.ts";

/** The server span of one scope, and the attributes that are still to be written to it. */
export class ServerSpanRecord {
  #span: Span | undefined;
  /** How many assignments are on the span. */
  #written = 0;
  #pending: Attributes | undefined;

  get span(): Span | undefined {
    return this.#span;
  }

  /** If another span was claimed before, this one gets only what that one has not got. */
  claim(span: Span): void {
    this.#span = span;
  }

  /** Adds attributes beside those of assignments; a span that is claimed later gets them too. */
  annotate(attributes: Attributes): void {
    this.#pending = { ...this.#pending, ...attributes };
  }

  /** Writes to the span everything that is not on it yet. Never throws. */
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
