import type { Spending } from "./accounting.ts";
import type { Until } from "./load.ts";

/** One period of one process: what it spent, and what it did for it. */
export interface Period {
  readonly spending: Spending;
  readonly requests: number;
  readonly seconds: number;
  readonly p99: number | undefined;
}

/** A process under measurement. */
export interface Subject {
  /** Works for one period. */
  work(until: Until): Promise<Period>;
  /** Collects all garbage, so that none of an earlier case is paid for in the next one. */
  collect(): Promise<unknown>;
}

/**
 * The periods of all subjects, by their names. They work one after the other, in alternating order, so that a change of
 * the machine's speed affects all of them alike. The first period of each is a warm-up and does not count.
 */
export async function alternate<Name extends string>(
  subjects: ReadonlyMap<Name, Subject>,
  rounds: number,
  until: Until,
): Promise<ReadonlyMap<Name, readonly Period[]>> {
  const periods = new Map<Name, Period[]>();
  for (const [name, subject] of subjects) {
    await subject.collect();
    await subject.work(until);
    periods.set(name, []);
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [...subjects] : [...subjects].toReversed();
    for (const [name, subject] of order) periods.get(name)?.push(await subject.work(until));
  }
  return periods;
}
