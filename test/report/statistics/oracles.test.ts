import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Input } from "../../../report/cli/input.ts";
import { figuresOf } from "../../../report/cli/oracle-tests.ts";

// Figures of statsmodels, scipy, R, GrowthBook and Spotify Confidence for the same inputs.

interface Row {
  readonly id: string;
  readonly test: string;
  readonly input: unknown;
  readonly expect: { readonly [figure: string]: number | readonly number[] };
  readonly source: string;
  readonly tolerance: number;
}

const rows = JSON.parse(readFileSync(join(import.meta.dirname, "oracles.json"), "utf8")) as readonly Row[]; // why: the form of the file

test.each(rows)("STA-01 the figures of $source are reproduced: $id", ({ test: name, input, tolerance, ...row }) => {
  const figures = figuresOf(name, new Input(input, "input"));
  for (const [figure, expected] of Object.entries(row.expect)) {
    const [actual, all] = [[figures[figure]].flat(), [expected].flat()];
    expect(actual).toHaveLength(all.length);
    for (const [i, value] of all.entries()) {
      expect(Math.abs(Number(actual[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(tolerance);
    }
  }
});
