import { GCProfiler, getHeapSpaceStatistics } from "node:v8";

/** What a process spent in one period. Bytes are of V8's heap; times are in microseconds. */
export interface Spending {
  /** CPU time of all threads of the process, from the operating system. */
  readonly cpu: number;
  /** Bytes allocated by JavaScript. */
  readonly allocated: number;
  /** The young bytes that minor collections decided on, those of the periods before included. */
  readonly offered: number;
  /** Those of them that survived. An object that survives two collections counts twice. */
  readonly survived: number;
  readonly minor: Collections;
  readonly full: Collections;
}

/** The collections of one kind, with the sum of their pauses. */
interface Collections {
  readonly count: number;
  readonly time: number;
}

interface Used {
  readonly young: number;
  readonly old: number;
}

type Statistics = ReturnType<GCProfiler["stop"]>["statistics"];

/** The accounts of this process, by its own counters. Nothing here depends on the load on other processes. */
export class Accounting {
  #profiler = new GCProfiler();
  #used: Used = { young: 0, old: 0 };
  /** Young bytes allocated since the last collection, in the periods before this one. */
  #pending = 0;
  #cpu: NodeJS.CpuUsage = process.cpuUsage();

  begin(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    const used = usedNow();
    // Between two periods the process is idle, so less can only mean a collection.
    if (used.young < this.#used.young) this.#pending = 0;
    this.#used = used;
    this.#cpu = process.cpuUsage();
  }

  end(): Spending {
    const { user, system } = process.cpuUsage(this.#cpu);
    const used = usedNow();
    const { pending, ...spent } = spentIn(this.#profiler.stop().statistics, this.#used, used, this.#pending);
    this.#pending = pending;
    this.#used = used;
    return { cpu: user + system, ...spent };
  }
}

function spentIn(
  statistics: Statistics,
  first: Used,
  last: Used,
  earlier: number,
): Omit<Spending, "cpu"> & { readonly pending: number } {
  let [allocated, offered, survived, pending] = [0, 0, 0, earlier];
  const minor = { count: 0, time: 0 };
  const full = { count: 0, time: 0 };
  let previous = first;
  for (const { gcType, cost, beforeGC, afterGC } of statistics) {
    const before = usedIn(beforeGC.heapSpaceStatistics.map((space) => [space.spaceName, space.spaceUsedSize]));
    const after = usedIn(afterGC.heapSpaceStatistics.map((space) => [space.spaceName, space.spaceUsedSize]));
    allocated += growth(previous, before);
    pending += before.young - previous.young;
    if (isMinor(gcType)) {
      offered += pending;
      survived += after.young + Math.max(0, after.old - before.old);
      minor.count++;
      minor.time += cost;
    } else {
      if (gcType === "MarkSweepCompact") full.count++;
      full.time += cost;
    }
    pending = 0;
    previous = after;
  }
  pending += last.young - previous.young;
  return { allocated: allocated + growth(previous, last), offered, survived, minor, full, pending };
}

/** The sweeper works between collections and makes the old spaces smaller, so only their growth counts. */
function growth(from: Used, to: Used): number {
  return to.young - from.young + Math.max(0, to.old - from.old);
}

function isMinor(gcType: string): boolean {
  return gcType === "Scavenge" || gcType === "MinorMarkSweep";
}

function usedNow(): Used {
  return usedIn(getHeapSpaceStatistics().map((space) => [space.space_name, space.space_used_size]));
}

function usedIn(spaces: readonly (readonly [name: string, used: number])[]): Used {
  let [young, old] = [0, 0];
  for (const [name, used] of spaces) {
    if (name.startsWith("new_")) young += used;
    else old += used;
  }
  return { young, old };
}
