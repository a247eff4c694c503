import { parseArgs } from "node:util";
import { type Duration, signOverride } from "../src/override/index.ts";
import { UsageError } from "./usage-error.ts";

const SECRET = "OTEL_EXPERIMENTS_OVERRIDE_SECRET";

const USAGE = `Usage: otel-experiments override KEY=VARIANT… --audience NAME [--expires-in 2h]

Signs an override. Send it in the header x-experiment-override, or in the place that the service reads.

  --audience NAME     the service it is valid for, as in the service's acceptOverrides
  --expires-in TIME   how long it is valid: 90s, 30m, 2h, 7d; 1h by default

The secret is read from the variable ${SECRET}, which keeps it out of the shell history.`;

/** Signs an override, and returns its token. */
export async function override(args: readonly string[]): Promise<string> {
  const { values, positionals } = parse(args);
  if (values.help === true) return USAGE;
  if (positionals.length === 0) throw new UsageError(`no experiment is named\n\n${USAGE}`);
  const secret = process.env[SECRET];
  if (secret === undefined || secret === "") throw new UsageError(`${SECRET} is not set; it holds the secret`);
  if (values.audience === undefined) throw new UsageError(`--audience is missing\n\n${USAGE}`);
  const expiresIn = values["expires-in"];
  return signOverride(variantsOf(positionals), {
    secret,
    audience: values.audience,
    // why: signOverride checks the form, and throws if it is wrong
    ...(expiresIn === undefined ? {} : { expiresIn: expiresIn as Duration }),
  });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        audience: { type: "string" },
        "expires-in": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function variantsOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  const variants = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, Math.max(equals, 0));
    if (key === "") throw new UsageError(`${JSON.stringify(pair)} is not of the form KEY=VARIANT`);
    if (variants.has(key)) throw new UsageError(`${key} is named twice`);
    variants.set(key, pair.slice(equals + 1));
  }
  return Object.fromEntries(variants);
}
