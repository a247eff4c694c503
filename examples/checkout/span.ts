import { type Span, type SpanOptions, SpanStatusCode, type Tracer } from "@opentelemetry/api";

/** Runs a function in a span of its own, which ends with it. An error that it throws is shown on the span. */
export function inSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  fn: (span: Span) => T | Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await fn(span);
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.setAttribute("error.type", errorType(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A code, such as a failure's reason, ECONNREFUSED or PostgreSQL's; else the error's name. */
function errorType(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : error.name;
}
