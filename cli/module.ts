import { existsSync, statSync } from "node:fs";
import { registerHooks } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "./usage-error.ts";

/**
 * The exports of a module, by name. The module is a path, or a package as the working folder resolves it. Importing it
 * runs it.
 */
export async function importModule(given: string): Promise<Readonly<Record<string, unknown>>> {
  if (given === "") throw new UsageError("the module's name is empty");
  if (!isPath(given)) return importPackage(given);
  const path = resolve(given);
  if (!existsSync(path)) throw new Error(`the file ${path} does not exist`);
  return load(given, pathToFileURL(path).href);
}

function isPath(given: string): boolean {
  return /^\.\.?(?:[/\\]|$)/.test(given) || isAbsolute(given) || isFile(resolve(given));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Imports as a file of the working folder would, with the conditions of `import`. */
async function importPackage(name: string): Promise<Readonly<Record<string, unknown>>> {
  const parentURL = pathToFileURL(join(process.cwd(), "describe.js")).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier,
        specifier === name && context.parentURL === import.meta.url ? { ...context, parentURL } : context,
      ),
  });
  try {
    return await load(name, name);
  } finally {
    hooks.deregister();
  }
}

async function load(given: string, specifier: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    // why: a module's namespace is an object with its exports
    return (await import(specifier)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new Error(`${given} could not be imported: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
