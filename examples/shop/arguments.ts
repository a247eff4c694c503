import { parseArgs } from "node:util";

export const USAGE = `Usage: npm start -- [options]

Starts a small shop of three services and a third party's payment API on this
machine, sends shoppers through its checkout experiment, and reports what the
services exported by OpenTelemetry.

Options:
  --shoppers N  how many shoppers there are, from 1 to 10000 (default: 300)
  --once        end after the report, which it does anyway
  --help        show this text`;

export interface Arguments {
  readonly help: boolean;
  readonly shoppers: number;
}

/** @throws Error that says what is wrong with the command line */
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
