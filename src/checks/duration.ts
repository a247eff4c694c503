const UNITS: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A length of time: seconds, or a whole number followed by `s`, `m`, `h` or `d`, such as `"2h"`. */
export type Duration = number | `${number}${"s" | "m" | "h" | "d"}`;

export const DURATION_RULE = 'a number of seconds, or text such as "90s", "30m", "2h" or "7d"';

/** In seconds, positive and whole; undefined for any other value. */
export function secondsOf(duration: unknown): number | undefined {
  if (typeof duration === "number") return Number.isSafeInteger(duration) && duration > 0 ? duration : undefined;
  const match = typeof duration === "string" ? /^(\d{1,9})([smhd])$/.exec(duration) : null;
  const seconds = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  return seconds > 0 ? seconds : undefined;
}
