import { parseArgs } from "node:util";

export const USAGE = `Usage: npm start -- [options]

Starts a shop on this machine: eight services, a payment provider, PostgreSQL and
a mail server. Sends shoppers through its checkout, which is under experiment,
and says what the exported telemetry shows. Then the shop stays up until Ctrl-C.

Options:
  --shoppers N  the number of shoppers, from 1 to 10000 (default: 2000)
  --seed N      another number sends other shoppers (default: 1)
  --once        ends after the summary
  --help        shows this text

Environment:
  DATABASE_URL     a PostgreSQL of your own
  SMTP_URL         a mail server of your own
  OVERRIDE_SECRET  the secret of signed overrides, 16 characters or more

Exit codes: 0, 1 if something did not start or does not hold, 2 for a wrong
option, 130 and 143 if the command was stopped among its shoppers.`;

export interface Arguments {
  readonly help: boolean;
  readonly once: boolean;
  readonly shoppers: number;
  readonly seed: number;
}

/** @throws Error with the mend, if the command line is wrong */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      shoppers: { type: "string", default: "2000" },
    },
  });
  return {
    help: values.help,
    once: values.once,
    seed: numberOf("--seed", values.seed, 0, 2 ** 31 - 1),
    shoppers: numberOf("--shoppers", values.shoppers, 1, 10_000),
  };
}

function numberOf(option: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new Error(`${option} is "${text}"; write a number from ${min} to ${max}`);
  }
  return number;
}
