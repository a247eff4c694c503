import { type Duration, signOverride } from "../src/override/index.ts";
import { parseCommand } from "./arguments.ts";
import { declaredBy } from "./declared.ts";
import { overrideSecret, SECRET_VARIABLE } from "./override-secret.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments override KEY=VARIANT… --audience NAME [--expires-in 2h] [--module MODULE]

Signs an override. Send it in the header x-experiment-override, or in the place that the service reads.

  --audience NAME     the service it is valid for, as in the service's acceptOverrides
  --expires-in TIME   how long it is valid: 90s, 30m, 2h, 7d; 1h by default
  --module MODULE     a path or a package that declares the experiments; a key or variant that it does not declare is
                      an error. Importing it runs it

The secret is read from the variable ${SECRET_VARIABLE}, which keeps it out of the shell history.`;

/** Signs an override, and returns its token. */
export async function override(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseCommand(args, USAGE, {
    audience: { type: "string" },
    "expires-in": { type: "string" },
    module: { type: "string" },
  });
  if (values.help === true) return USAGE;
  if (positionals.length === 0) throw new UsageError(`no experiment is named\n\n${USAGE}`);
  const secret = overrideSecret();
  if (values.audience === undefined) throw new UsageError(`--audience is missing\n\n${USAGE}`);
  const variants = variantsOf(positionals);
  if (values.module !== undefined) await checkDeclared(values.module, variants);
  const expiresIn = values["expires-in"];
  return signOverride(variants, {
    secret,
    audience: values.audience,
    // why: signOverride checks the form, and throws if it is wrong
    ...(expiresIn === undefined ? {} : { expiresIn: expiresIn as Duration }),
  });
}

/** @throws Error for an experiment or a variant that the module does not declare */
async function checkDeclared(module: string, variants: Readonly<Record<string, string>>): Promise<void> {
  const experiments = (await declaredBy(module)).flatMap((declared) => declared.experiments);
  for (const [key, variant] of Object.entries(variants)) {
    const named = experiments.filter((experiment) => experiment.key === key);
    if (named.length === 0) {
      const keys = experiments.map((experiment) => experiment.key).join(", ");
      throw new Error(`${module} declares no experiment ${key}; declared are ${keys === "" ? "none" : keys}`);
    }
    const names = new Set(named.flatMap((experiment) => experiment.variants.map(({ name }) => name)));
    if (!names.has(variant)) {
      throw new Error(`${key} has no variant ${variant}; declared are ${[...names].join(", ")}`);
    }
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
