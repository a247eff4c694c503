import { parseArgs } from "node:util";

export const USAGE = `Usage: npm start -- [options]

Starts a small shop of three services and a third party's payment API on this
machine, sends shoppers through its checkout experiment, and reports what the
services exported by OpenTelemetry.

Options:
  --shoppers N  the number of shoppers, from 1 to 10000 (default: 300)
  --once        has no effect: the command always ends after the report
  --help        show this text`;

export interface Arguments {
  readonly help: boolean;
  readonly shoppers: number;
}

/** @throws Error with the fix, if the command line is wrong */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      shoppers: { type: "string", default: "300" },
    },
  });
  const shoppers = Number(values.shoppers);
  if (!/^\d+$/.test(values.shoppers) || shoppers < 1 || shoppers > 10_000) {
    throw new Error(`--shoppers is "${values.shoppers}"; write a number from 1 to 10000`);
  }
  return { help: values.help, shoppers };
}
