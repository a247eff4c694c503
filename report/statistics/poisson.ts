import type { Random } from "./random.ts";

/** From here on, a draw is made by rejection. Below, a sum of draws with a mean of 1 is as quick. */
const MANY = 10;

/** P(X <= k) × 2^32 for k = 0, 1, … and a mean of 1. Beyond the last, the probability is below 2^-32. */
const CUMULATIVE: readonly number[] = cumulative(1, 13);

function cumulative(mean: number, length: number): readonly number[] {
  let [term, sum] = [Math.exp(-mean), 0];
  return Array.from({ length }, (_, k) => {
    sum += term;
    term *= mean / (k + 1);
    return sum * 2 ** 32;
  });
}

/** A Poisson variable with the mean 1: how often a bootstrap draws a subject. */
export function poissonOne(random: Random): number {
  const bits = random.bits();
  let k = 0;
  while (bits >= (CUMULATIVE[k] ?? Number.POSITIVE_INFINITY)) k += 1;
  return k;
}

/**
 * A Poisson variable with a whole mean: how often a bootstrap draws the subjects of a group of that size, all together.
 *
 * @see Hörmann 1993, "The transformed rejection method for generating Poisson random variables", Insurance: Mathematics
 * and Economics 12: PTRS
 */
export function poisson(random: Random, mean: number): number {
  if (mean < MANY) {
    let sum = 0;
    for (let i = 0; i < mean; i += 1) sum += poissonOne(random);
    return sum;
  }
  const logMean = Math.log(mean);
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverse = 1.1239 + 1.1328 / (b - 3.4);
  const accepted = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = random.unit() - 0.5;
    const v = random.unit();
    const distance = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / distance + b) * u + mean + 0.43);
    if (distance >= 0.07 && v <= accepted) return k;
    if (k < 0 || (distance < 0.013 && v > distance)) continue;
    const left = Math.log((v * inverse) / (a / (distance * distance) + b));
    if (left <= k * logMean - mean - logFactorial(k)) return k;
  }
}

/** By Stirling's series from 10 on, to 1e-10. DLMF 5.11.1. */
function logFactorial(k: number): number {
  let [x, product] = [k + 1, 1];
  while (x < 10) {
    product *= x;
    x += 1;
  }
  const square = 1 / (x * x);
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - square / 1680) * square) * square) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}
