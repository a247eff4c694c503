import { headerValues } from "../../../testing/wire/http-bytes.ts";
import type { WireServer } from "../../../testing/wire/server.ts";

/** What a call came to, in a form that can be compared. */
export interface Outcome {
  /** How it ended, in order: a value, an error thrown, a rejection, a handler's call. */
  readonly events: readonly string[];
  /** The requests that arrived, without `baggage`. */
  readonly arrived: readonly string[];
  /** The `baggage` lines that arrived. */
  readonly baggage: readonly string[];
}

const HANGS_MS = 1500;

/** Runs a call that reports its events, until it says that it is over. */
export async function outcomeOf(
  servers: readonly WireServer[],
  call: (report: (event: string) => void) => Promise<void>,
): Promise<Outcome> {
  for (const server of servers) server.clear();
  const events: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    call((event) => events.push(event)),
    new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        events.push("hangs");
        resolve();
      }, HANGS_MS);
    }),
  ]);
  clearTimeout(timer);
  const requests = servers.flatMap(({ requests: each }) => each);
  return {
    events,
    arrived: requests.map(({ start, lines, body }) =>
      [start, ...lines.filter((line) => !/^baggage:/i.test(line)), "", body].join("\n"),
    ),
    // Space around a comma means nothing (RFC 9110, section 5.6.1).
    baggage: requests.flatMap(({ lines }) => headerValues(lines, "baggage").map((line) => line.replaceAll(", ", ","))),
  };
}

/** The class, the message and the code of an error, and of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `no error: ${typeof error} ${String(error)}`;
  const code = "code" in error ? String(error.code) : "";
  const cause = error.cause === undefined ? "" : ` < ${describeError(error.cause)}`;
  return `${error.constructor.name} ${error.name} ${code} ${error.message}${cause}`;
}
