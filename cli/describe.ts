import type { DescribedExperiment, DescribedField } from "../src/instance/declarations.ts";
import { parseCommand } from "./arguments.ts";
import { type Declared, declaredBy } from "./declared.ts";
import { table } from "./table.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments describe MODULE [--json]

Imports a module (a path or a package) and prints its exports: results of createExperiments, registries of
defineExperiments, fields of defineFields. The import runs the module.

  --json    prints JSON, for programs`;

/** The declarations of a module, as tables or as JSON text. */
export async function describe(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseCommand(args, USAGE, { json: { type: "boolean" } });
  if (values.help === true) return USAGE;
  const [module, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`name one module, not ${positionals.length}\n\n${USAGE}`);
  if (module === undefined) throw new UsageError(`no module is named\n\n${USAGE}`);
  const described = await declaredBy(module);
  return values.json === true
    ? JSON.stringify({ module, exports: described }, undefined, 2)
    : described.map(sectionOf).join("\n\n");
}

function sectionOf({ name, experiments, fields }: Declared): string {
  return [
    name,
    ...(experiments.length === 0 ? [] : ["", experimentTable(experiments)]),
    ...(fields.length === 0 ? [] : ["", fieldTable(fields)]),
    ...(experiments.length + fields.length === 0 ? ["", "  declares neither experiments nor fields"] : []),
  ].join("\n");
}

function experimentTable(experiments: readonly DescribedExperiment[]): string {
  return table(
    ["EXPERIMENT", "ID", "VARIANTS", "STATUS", "COVERAGE", "ASSIGNER", "ON THE WIRE"],
    experiments.map(({ key, id, variants, status, coverage, assigner, wire }) => [
      key,
      id,
      variants.map((variant) => `${variant.name} ${percent(variant.share)}`).join(", "),
      status,
      percent(coverage),
      assigner ? "yes" : "no",
      wire,
    ]),
  );
}

function fieldTable(fields: readonly DescribedField[]): string {
  return table(
    ["FIELD", "TYPE", "ON", "MUTABLE", "ON THE WIRE"],
    fields.map(({ name, type, on, mutable, wire }) => [
      name,
      type,
      on.length === 0 ? "the wire alone" : on.join(", "),
      mutable ? "yes" : "no",
      wire,
    ]),
  );
}

/** With at most two decimals. */
function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
