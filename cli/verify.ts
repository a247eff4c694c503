import { DURATION_RULE, secondsOf } from "../src/checks/duration.ts";
import { readToken, refusalOf } from "../src/override/token.ts";
import type { Answer } from "./answer.ts";
import { parseCommand } from "./arguments.ts";
import { overrideSecret, SECRET_VARIABLE } from "./override-secret.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments verify TOKEN [--audience NAME] [--max-lifetime 1d]

Says what an override forces, for whom and until when, and whether a service would count it. The exit code is 0 if it
would, else 1.

  --audience NAME       that of the service, as in its acceptOverrides; the override's own if not given
  --max-lifetime TIME   that of the service, as in its acceptOverrides: 90s, 30m, 2h, 7d; 1d by default

The secret is read from the variable ${SECRET_VARIABLE}.`;

/** What an override forces, and whether it counts. */
export async function verify(args: readonly string[]): Promise<string | Answer> {
  const { values, positionals } = parseCommand(args, USAGE, {
    audience: { type: "string" },
    "max-lifetime": { type: "string" },
  });
  if (values.help === true) return USAGE;
  const [token, ...others] = positionals;
  if (token === undefined || others.length > 0) throw new UsageError(`name one token\n\n${USAGE}`);
  const given = values["max-lifetime"] ?? "1d";
  const maxLifetime = secondsOf(given);
  if (maxLifetime === undefined) throw new UsageError(`--max-lifetime is ${given}; write ${DURATION_RULE}`);
  const claims = readToken(token, [overrideSecret()]);
  if (claims === "malformed") throw new Error("this is no override: malformed");
  if (claims === "tampered") throw new Error(`the secret in ${SECRET_VARIABLE} did not sign this override: tampered`);
  const { variants, audience, issuedAt, expiresAt } = claims;
  const now = Math.floor(Date.now() / 1000);
  const refusal = refusalOf(claims, { audience: values.audience ?? audience, maxLifetime, now });
  const lines = [
    ...Array.from(variants, ([key, variant]) => `${key}=${variant}`),
    `audience: ${audience}`,
    `signed:   ${timeOf(issuedAt)}`,
    `expires:  ${timeOf(expiresAt)}`,
    refusal === undefined ? "It counts." : `It does not count: ${refusal}.`,
  ];
  return { text: lines.join("\n"), isYes: refusal === undefined };
}

/** @param seconds since 1970 */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
