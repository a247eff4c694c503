import { parseArgs } from "node:util";
import {
  type Declarations,
  type DescribedExperiment,
  type DescribedField,
  declarationsOf,
} from "../src/instance/declarations.ts";
import { importModule } from "./module.ts";
import { table } from "./table.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `Usage: otel-experiments describe MODULE [--json]

Imports a module (a path or a package) and prints its exports: results of createExperiments, registries of
defineExperiments, fields of defineFields. The import runs the module.

  --json    prints JSON, for programs`;

/** The declarations of one export. */
interface Described extends Declarations {
  readonly name: string;
}

/** The declarations of a module, as tables or as JSON text. */
export async function describe(args: readonly string[]): Promise<string> {
  const { help, json, module } = parse(args);
  if (help) return USAGE;
  if (module === undefined) throw new UsageError(`no module is named\n\n${USAGE}`);
  const exported = Object.entries(await importModule(module));
  const described = withoutRepetitions(exported.flatMap(([name, value]) => describedOf(name, value)));
  if (described.length === 0) {
    const names = exported.map(([name]) => name).join(", ");
    const what = names === "" ? "nothing" : `${names}, and none of them declares experiments or fields`;
    throw new Error(
      `${module} exports ${what}; export the result of createExperiments, defineExperiments or defineFields`,
    );
  }
  return json ? JSON.stringify({ module, exports: described }, undefined, 2) : described.map(sectionOf).join("\n\n");
}

interface Given {
  readonly help: boolean;
  readonly json: boolean;
  readonly module: string | undefined;
}

function parse(args: readonly string[]): Given {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    const [module, ...others] = positionals;
    if (others.length > 0) throw new Error(`name one module, not ${positionals.length}`);
    return { help: values.help === true, json: values.json === true, module };
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function describedOf(name: string, value: unknown): readonly Described[] {
  try {
    const declarations = declarationsOf(value);
    return declarations === undefined ? [] : [{ name, ...declarations }];
  } catch (error) {
    throw new Error(`the export ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/**
 * Removes exports that repeat another one: experiments are usually exported together with their parts, and a CommonJS
 * module has its exports twice.
 */
function withoutRepetitions(described: readonly Described[]): readonly Described[] {
  const partsOf = ({ experiments, fields }: Declarations): readonly string[] =>
    [...experiments, ...fields].map((part) => JSON.stringify(part));
  const isPart = (one: Described, other: Described): boolean => {
    const others = partsOf(other);
    return partsOf(one).every((part) => others.includes(part));
  };
  return described.filter((one, i) => {
    return !described.some((other, j) => i !== j && isPart(one, other) && (!isPart(other, one) || j < i));
  });
}

function sectionOf({ name, experiments, fields }: Described): string {
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
