import type { Experiments } from "../src/index.ts";
import { INSTANCE } from "../src/instance/handle.ts";
import type { Answer } from "./answer.ts";
import { parseCommand } from "./arguments.ts";
import { importModule } from "./module.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments explain MODULE URL…

Imports a module (a path or a package) and says for each URL, or queue:NAME, whether its experiments would be passed on
there by a wrapped client, and why not. The import runs the module. The exit code is 0 if all of them would, else 1.`;

/** What `propagateTo` says of destinations. */
export async function explain(args: readonly string[]): Promise<string | Answer> {
  const { values, positionals } = parseCommand(args, USAGE, {});
  if (values.help === true) return USAGE;
  const [module, ...urls] = positionals;
  if (module === undefined) throw new UsageError(`no module is named\n\n${USAGE}`);
  if (urls.length === 0) throw new UsageError(`no URL is named\n\n${USAGE}`);
  const verdicts = experimentsIn(module, await importModule(module)).flatMap(([name, experiments]) =>
    urls.map((url) => ({ name, url, ...experiments.explain(url) })),
  );
  return {
    text: verdicts
      .map(({ name, url, allowed, reason }) => `${name}: ${url} gets ${allowed ? "them" : "nothing"}: ${reason}`)
      .join("\n"),
    isYes: verdicts.every(({ allowed }) => allowed),
  };
}

/** A CommonJS module has its exports twice. */
function experimentsIn(
  module: string,
  exported: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Experiments])[] {
  const found = new Map<Experiments, string>();
  for (const [name, value] of Object.entries(exported)) {
    if (isExperiments(value) && !found.has(value)) found.set(value, name);
  }
  if (found.size === 0) throw new Error(`${module} exports no result of createExperiments; export it`);
  return Array.from(found, ([experiments, name]) => [name, experiments]);
}

function isExperiments(value: unknown): value is Experiments {
  return typeof value === "object" && value !== null && INSTANCE in value;
}
