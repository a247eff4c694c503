import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

const settings = z.object({
  /** How many of the next charges stall. */
  stallNext: z.int().nonnegative().optional(),
  stallMs: z.int().nonnegative().optional(),
  /** The share of all charges that stall. */
  stallRate: z.number().min(0).max(1).optional(),
});

const current = {
  stallNext: 0,
  stallMs: Number(process.env["STALL_MS"] ?? 0),
  stallRate: Number(process.env["STALL_RATE"] ?? 0),
};

/** The tries of each key that is being asked for. */
const tries = new Map<string, number>();

export const stalls = {
  set(given: unknown): object {
    return Object.assign(current, settings.parse(given));
  },

  /** Waits, if this charge is one that stalls. */
  async wait(key: string): Promise<void> {
    const attempt = (tries.get(key) ?? 0) + 1;
    tries.set(key, attempt);
    if (current.stallNext > 0) current.stallNext--;
    else if (share(`${key} ${attempt}`) >= current.stallRate) return;
    await pause(current.stallMs);
  },
};

/** A number from 0 to 1 that looks random, and is the same for the same text. */
function share(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;
}
