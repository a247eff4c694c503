import { type Declarations, declarationsOf } from "../src/instance/declarations.ts";
import { importModule } from "./module.ts";

/** The declarations of one export. */
export interface Declared extends Declarations {
  readonly name: string;
}

/**
 * The declarations of a module's exports, each once. Importing the module runs it.
 *
 * @throws Error if none of the exports declares experiments or fields, with what to export
 */
export async function declaredBy(module: string): Promise<readonly Declared[]> {
  const exported = Object.entries(await importModule(module));
  const declared = withoutRepetitions(exported.flatMap(([name, value]) => declaredIn(name, value)));
  if (declared.length > 0) return declared;
  const names = exported.map(([name]) => name).join(", ");
  const what = names === "" ? "nothing" : `${names}, and none of them declares experiments or fields`;
  throw new Error(
    `${module} exports ${what}; export the result of createExperiments, defineExperiments or defineFields`,
  );
}

function declaredIn(name: string, value: unknown): readonly Declared[] {
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
function withoutRepetitions(declared: readonly Declared[]): readonly Declared[] {
  const partsOf = ({ experiments, fields }: Declarations): readonly string[] =>
    [...experiments, ...fields].map((part) => JSON.stringify(part));
  const isPart = (one: Declared, other: Declared): boolean => {
    const others = partsOf(other);
    return partsOf(one).every((part) => others.includes(part));
  };
  return declared.filter((one, i) => {
    return !declared.some((other, j) => i !== j && isPart(one, other) && (!isPart(other, one) || j < i));
  });
}
