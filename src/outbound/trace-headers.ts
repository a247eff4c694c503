import { type Context, propagation } from "@opentelemetry/api";
import { type HeaderPart, isName, linesOf } from "../http/header-parts.ts";

/** A request of undici that is not written yet. */
export interface UnwrittenRequest {
  /** Alternating names and values. */
  readonly headers: HeaderPart[];
  /** Throws for a name or a value that is not valid in a header. */
  addHeader: (name: string, value: HeaderPart) => unknown;
}

/** The lines of a header, by its lower-case name. */
export type HeaderLines = (name: string) => readonly string[];

/** The headers of the process's propagators for trace context, without `baggage`. */
export function traceHeaderNames(): readonly string[] {
  return propagation
    .fields()
    .map((name) => name.toLowerCase())
    .filter((name) => name !== "baggage");
}

/** The members of these headers as `name: member`. Not their lines, which clients may join and trim. */
export function membersOf(names: readonly string[], header: HeaderLines): readonly string[] {
  return names.flatMap((name) =>
    header(name)
      .flatMap((line) => line.split(","))
      .map((member) => member.trim())
      .filter((member) => member !== "")
      .map((member) => `${name}: ${member}`),
  );
}

/** The lines of a request's header. */
export function headerLines({ headers }: UnwrittenRequest): HeaderLines {
  return (name) => {
    const lines: string[] = [];
    for (let i = 0; i < headers.length; i += 2) if (isName(headers[i], name)) lines.push(...linesOf(headers[i + 1]));
    return lines;
  };
}

/** The headers that the process's propagators write for a context. */
export interface CarriedContext {
  readonly trace: readonly (readonly [name: string, value: string])[];
  readonly baggage: string | undefined;
}

export function carriedFrom(active: Context): CarriedContext {
  const trace: [name: string, value: string][] = [];
  let baggage: string | undefined;
  propagation.inject(active, undefined, {
    set(_carrier, name, value) {
      if (!isName(name, "baggage")) trace.push([name, value]);
      else baggage = value;
    },
  });
  return { trace, baggage };
}

/** Replaces a header, or adds it at the end. @throws the error of undici for a wrong value */
export function putHeader(request: UnwrittenRequest, name: string, value: string): void {
  const { headers } = request;
  request.addHeader(name, value);
  const added = headers.splice(-2);
  const place = takeHeader(request, name.toLowerCase());
  headers.splice(place ?? headers.length, 0, ...added);
}

/** Takes all lines of a header off. The result is the index of the first one. */
export function takeHeader({ headers }: UnwrittenRequest, lowerCase: string): number | undefined {
  let place: number | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    if (!isName(headers[i], lowerCase)) continue;
    headers.splice(i, 2);
    place ??= i;
    i -= 2;
  }
  return place;
}
