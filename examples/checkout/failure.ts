import { z } from "zod";
import { log } from "./service.ts";

/** Why a checkout fails, as all services call it, and the HTTP status of each reason. */
const STATUSES = {
  invalid_request: 400,
  card_declined: 402,
  insufficient_funds: 402,
  fraud_suspected: 403,
  stale_price: 409,
  insufficient_stock: 409,
  unavailable: 503,
  provider_timeout: 504,
} as const;

export type Reason = keyof typeof STATUSES;

/** The body of a failed answer. */
export const failureBody = z.object({
  reason: z.enum(Object.keys(STATUSES) as Reason[]), // why: Object.keys gives them as string[]
  message: z.string(),
});

/** A failure that the caller is told of. Its message is a sentence for the shopper and has no data of theirs. */
export class Failure extends Error {
  override readonly name: string;
  /** Spans show it as `error.type`. */
  readonly code: Reason;

  constructor(code: Reason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    // A flow tells a time-out from other failures by the error's name.
    this.name = code === "provider_timeout" || isTimeout(options?.cause) ? "TimeoutError" : "Failure";
  }

  get status(): number {
    return STATUSES[this.code];
  }

  get body(): z.infer<typeof failureBody> {
    return { reason: this.code, message: this.message };
  }
}

/**
 * What the caller is told of any error. Errors of parsers are never logged or passed on: their messages quote the
 * request, and a request may hold a card number.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof z.ZodError) {
    const fields = error.issues.map(({ path }) => path.join(".")).join(", ");
    return new Failure("invalid_request", `These fields are missing or wrong: ${fields || "all of them"}.`);
  }
  if (isClientError(error)) return new Failure("invalid_request", "The request could not be read.");
  log.error({ err: error }, "an unexpected error");
  return new Failure("unavailable", "The shop has a problem. Please try again later.", { cause: error });
}

/** Express, Koa and Fastify mark what the client did wrong, such as broken JSON, by a status. */
function isClientError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const status: unknown = Reflect.get(error, "statusCode") ?? Reflect.get(error, "status");
  return typeof status === "number" && status >= 400 && status < 500;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
