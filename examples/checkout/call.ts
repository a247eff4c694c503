import type { z } from "zod";
import { Failure, failureBody } from "./failure.ts";
import { log, PATIENCE_MS } from "./service.ts";

export interface Call<T> {
  readonly url: string;
  /** Undefined for a GET. */
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly answer: z.ZodType<T>;
}

const UNAVAILABLE = "The shop has a problem. Please try again later.";

/**
 * Asks another service of the shop, and checks its answer.
 *
 * @param fetch the caller's wrapped fetch, which passes the variant on
 * @throws Failure the other service's own one, or `unavailable`
 */
export async function callService<T>(fetch: typeof globalThis.fetch, call: Call<T>): Promise<T> {
  const { url, body, timeoutMs = PATIENCE_MS, answer } = call;
  try {
    const response = await fetch(url, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const json: unknown = await response.json();
    if (response.ok) return answer.parse(json);
    const failure = failureBody.parse(json);
    throw new Failure(failure.reason, failure.message);
  } catch (error) {
    if (error instanceof Failure) throw error;
    log.warn({ err: error, url }, "the other service gave no answer");
    throw new Failure("unavailable", UNAVAILABLE, { cause: error });
  }
}
