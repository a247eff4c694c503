/** A subject of a measurement: prepares fresh input for a round, then works through it. */
export interface Subject<Input> {
  readonly prepare: (round: number) => Input;
  readonly work: (input: Input) => void;
}

/** The result of two subjects that run in turn, round by round, so a change of the machine's speed affects both. */
export interface Comparison {
  /** Median nanoseconds per operation over the rounds. */
  readonly ours: number;
  readonly peer: number;
  /** Median over the rounds of the peer's time divided by our time. */
  readonly ratio: number;
  /** Nanoseconds per operation, our time minus the peer's: the median of the least disturbed quarter of the rounds. */
  readonly difference: number;
}

const WARM_UP = 15;

/** The times of one round. */
export interface Times {
  readonly ours: number;
  readonly peer: number;
}

/** Runs the two subjects in alternating order, so that neither always has the warm cache or the other's garbage. */
export function compare<A, B>(ours: Subject<A>, peer: Subject<B>, operations: number, rounds: number): Comparison {
  const times: Times[] = [];
  for (let round = -WARM_UP; round < rounds; round++) {
    const oursFirst = round % 2 === 0;
    const first = oursFirst ? time(ours, round) : time(peer, round);
    const second = oursFirst ? time(peer, round) : time(ours, round);
    if (round >= 0) times.push(oursFirst ? { ours: first, peer: second } : { ours: second, peer: first });
  }
  return {
    ours: (median(times.map((pair) => pair.ours)) * 1e6) / operations,
    peer: (median(times.map((pair) => pair.peer)) * 1e6) / operations,
    ratio: median(times.map((pair) => pair.peer / pair.ours)),
    difference: (leastDisturbed(times).difference * 1e6) / operations,
  };
}

function time<Input>({ prepare, work }: Subject<Input>, round: number): number {
  const input = prepare(round);
  // Only young garbage: a full collection would also discard optimized code, whose objects are all dead between rounds.
  globalThis.gc?.({ type: "minor" });
  const start = performance.now();
  work(input);
  return performance.now() - start;
}

/** The medians of the quarter of the rounds that took the least time, both subjects together. */
export function leastDisturbed(times: readonly Times[]): Times & { readonly difference: number } {
  const sorted = times.toSorted((a, b) => a.ours + a.peer - b.ours - b.peer);
  const quarter = sorted.slice(0, Math.ceil(sorted.length / 4));
  return {
    ours: median(quarter.map(({ ours }) => ours)),
    peer: median(quarter.map(({ peer }) => peer)),
    difference: median(quarter.map(({ ours, peer }) => ours - peer)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
