import { GCProfiler, getHeapSpaceStatistics } from "node:v8";

/** What a process spent in one period. Bytes are of V8's heap; times are in microseconds. */
export interface Spending {
  /** CPU time of all threads of the process, from the operating system. */
  readonly cpu: number;
  /** Bytes allocated by JavaScript. */
  readonly allocated: number;
  /**
   * Bytes that a minor collection had to keep, for each byte allocated before it. An object that survives two counts
   * twice. Undefined if there was no minor collection.
   */
  readonly surviving: number | undefined;
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
  #cpu: NodeJS.CpuUsage = process.cpuUsage();

  begin(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#used = usedNow();
    this.#cpu = process.cpuUsage();
  }

  end(): Spending {
    const { user, system } = process.cpuUsage(this.#cpu);
    const used = usedNow();
    return { cpu: user + system, ...spentIn(this.#profiler.stop().statistics, this.#used, used) };
  }
}

function spentIn(statistics: Statistics, first: Used, last: Used): Omit<Spending, "cpu"> {
  let [allocated, offered, survived] = [0, 0, 0];
  const minor = { count: 0, time: 0 };
  const full = { count: 0, time: 0 };
  let previous = first;
  for (const { gcType, cost, beforeGC, afterGC } of statistics) {
    const before = usedIn(beforeGC.heapSpaceStatistics.map((space) => [space.spaceName, space.spaceUsedSize]));
    const after = usedIn(afterGC.heapSpaceStatistics.map((space) => [space.spaceName, space.spaceUsedSize]));
    allocated += growth(previous, before);
    if (isMinor(gcType)) {
      offered += before.young - previous.young;
      survived += after.young + Math.max(0, after.old - before.old);
      minor.count++;
      minor.time += cost;
    } else {
      if (gcType === "MarkSweepCompact") full.count++;
      full.time += cost;
    }
    previous = after;
  }
  const surviving = offered > 0 ? survived / offered : undefined;
  return { allocated: allocated + growth(previous, last), surviving, minor, full };
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
