import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./usage-error.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Config<O extends Options> = {
  readonly args: string[];
  readonly allowPositionals: true;
  readonly options: O & { readonly help: { readonly type: "boolean"; readonly short: "h" } };
};

/**
 * The options and other arguments of a command. `--help` and `-h` are options of each.
 *
 * @throws UsageError with the command's usage
 */
export function parseCommand<const O extends Options>(
  args: readonly string[],
  usage: string,
  options: O,
): ReturnType<typeof parseArgs<Config<O>>> {
  try {
    return parseArgs<Config<O>>({
      args: [...args],
      allowPositionals: true,
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}
