/** One thing to be timed: prepares fresh input for a round, then works through it. */
export interface Subject<Input> {
  readonly prepare: (round: number) => Input;
  readonly work: (input: Input) => void;
}

/** Two subjects in turn, round by round, so that a machine whose speed drifts changes both alike. */
export interface Comparison {
  /** Nanoseconds per operation, medians over the rounds. */
  readonly ours: number;
  readonly peer: number;
  /** Median over the rounds of peer's time divided by ours. */
  readonly ratio: number;
  /** Nanoseconds per operation, ours less peer's: median over the quarter of the rounds that was disturbed least. */
  readonly difference: number;
}

const WARM_UP = 15;

/** What one round took. */
export interface Times {
  readonly ours: number;
  readonly peer: number;
}

/** Which of the two is first alternates, so that neither always finds a warm cache or pays for the other's garbage. */
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
  // Young garbage only: a full collection would also throw optimized code away, whose objects are all dead between rounds.
  globalThis.gc?.({ type: "minor" });
  const start = performance.now();
  work(input);
  return performance.now() - start;
}

/** The medians of the quarter of the rounds that took least, ours and peer's together. */
export function leastDisturbed(times: readonly Times[]): Times & { readonly difference: number } {
  const sorted = times.toSorted((a, b) => a.ours + a.peer - b.ours - b.peer);
  const quarter = sorted.slice(0, Math.ceil(sorted.length / 4));
  return {
    ours: median(quarter.map(({ ours }) => ours)),
    peer: median(quarter.map(({ peer }) => peer)),
    difference: median(quarter.map(({ ours, peer }) => ours - peer)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
