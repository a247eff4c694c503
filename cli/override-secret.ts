import { UsageError } from "./usage-error.ts";

/** The variable that holds the secret. An argument would be in the shell's history and in the list of processes. */
export const SECRET_VARIABLE = "OTEL_EXPERIMENTS_OVERRIDE_SECRET";

/** @throws UsageError if the variable is not set */
export function overrideSecret(): string {
  const secret = process.env[SECRET_VARIABLE];
  if (secret === undefined || secret === "") throw new UsageError(`${SECRET_VARIABLE} is not set; it holds the secret`);
  return secret;
}
