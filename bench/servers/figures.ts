import { median } from "../paired.ts";
import type { Framework, Kind, Telemetry } from "./cases.ts";
import type { Period } from "./rounds.ts";

/** Medians of one process, per request. Bytes are of V8's heap; times are in microseconds, `p99` in milliseconds. */
export interface Summary {
  readonly cpu: number;
  readonly allocated: number;
  readonly survived: number;
  readonly minorTime: number;
  readonly fullTime: number;
  /** Full collections in a million requests, over all rounds. */
  readonly fulls: number;
  readonly perSecond: number;
  readonly p99: number | undefined;
}

/**
 * Whether a figure keeps its limit. `unsure`: it does not, by no more than two processes of the same program differ
 * within the run.
 */
type Verdict = "ok" | "over" | "unsure";

export interface Figure {
  readonly value: number;
  readonly limit: number;
  readonly verdict: Verdict;
}

/** The names of the processes of a case. `again` is a second bare one, which shows the noise. */
export type Name = "bare" | "again" | "hand" | "guarded" | "ours";

/** What may be spent. Ratios are of CPU time, bytes are per request. */
export interface Limits {
  readonly oursToBare: number;
  readonly oursToHand: number;
  readonly guardedToBare: number;
  readonly bytes: number;
  readonly surviving: number;
  readonly fulls: number;
}

/** The result of one case: one server and kind of request, or one client. */
export interface Row {
  readonly subject: string;
  readonly request: string;
  readonly processes: { readonly [name in Name]?: Summary };
  /** CPU time of the second bare process, divided by the first one's. */
  readonly noise: number;
  readonly figures: { readonly [name in keyof Limits]?: Figure };
}

const COLLECTIONS = { surviving: 100, fulls: 1.1 } as const;

/** The limits of a server. `proxying` has none: the limits of outgoing calls are for a call alone. */
export function serverLimits(framework: Framework, telemetry: Telemetry, kind: Kind): Partial<Limits> {
  if (kind === "proxying") return {};
  const hand = telemetry === "no-sdk" ? {} : { oursToHand: 0.95 };
  return {
    oursToBare: ratioLimit(framework, telemetry, kind),
    ...(kind === "own" ? hand : {}),
    bytes: kind === "plain" ? 300 : 1500,
    ...COLLECTIONS,
  };
}

function ratioLimit(framework: Framework, telemetry: Telemetry, kind: Kind): number {
  const isSmall = framework === "http" || framework === "fastify";
  if (kind === "plain") return telemetry === "no-sdk" && isSmall ? 1.05 : 1.03;
  if (telemetry !== "no-sdk") return 1.05;
  return isSmall ? 1.15 : 1.1;
}

/** The limits of an outgoing call: `ours` is a wrapped one. */
export const CALL_LIMITS: Partial<Limits> = { guardedToBare: 1.03, oursToBare: 1.08 };

/** Compares the processes of a case, round by round. Bare is the mean of both bare processes. */
export function rowOf(
  { subject, request }: Pick<Row, "subject" | "request">,
  periods: ReadonlyMap<Name, readonly Period[]>,
  limits: Partial<Limits>,
): Row {
  const of = (name: Name): readonly Period[] => periods.get(name) ?? [];
  const processes = Object.fromEntries([...periods].map(([name, its]) => [name, summaryOf(its)]));
  const cpu = (name: Name): readonly number[] => of(name).map(({ spending, requests }) => spending.cpu / requests);
  const bare = pairwise(cpu("bare"), cpu("again"), (a, b) => (a + b) / 2);
  const noise = median(pairwise(cpu("again"), cpu("bare"), (a, b) => a / b));
  const doubt = Math.abs(noise - 1);
  const ratio = (name: Name, to: readonly number[]): number => median(pairwise(cpu(name), to, (a, b) => a / b));
  const more = (part: (period: Period) => number): number => {
    const perRequest = (name: Name): number => median(of(name).map((period) => part(period) / period.requests));
    return perRequest("ours") - (perRequest("bare") + perRequest("again")) / 2;
  };
  const fulls = (name: Name): number => sum(of(name).map(({ spending }) => spending.full.count));
  const requests = (name: Name): number => sum(of(name).map((period) => period.requests));
  // Few rounds have few full collections, and one of them falls into a period or just behind it.
  const bareFulls = ((fulls("bare") + fulls("again")) / (requests("bare") + requests("again"))) * requests("ours");
  const values: { readonly [name in keyof Limits]: () => readonly [value: number, tolerance: number] } = {
    oursToBare: () => [ratio("ours", bare), doubt],
    oursToHand: () => [ratio("ours", cpu("hand")), doubt],
    guardedToBare: () => [ratio("guarded", bare), doubt],
    bytes: () => [more(({ spending }) => spending.allocated), 0],
    surviving: () => [survivedIn(of("ours")) - (survivedIn(of("bare")) + survivedIn(of("again"))) / 2, 0],
    fulls: () => [fulls("ours") / Math.max(bareFulls, 1), 1 / Math.max(bareFulls, 1)],
  };
  const figures: { -readonly [name in keyof Limits]?: Figure } = {};
  // why: these are its keys
  for (const name of Object.keys(limits) as (keyof Limits)[]) {
    const limit = limits[name] ?? Number.NaN;
    const [value, tolerance] = values[name]();
    figures[name] = { value, limit, verdict: value <= limit ? "ok" : value - tolerance <= limit ? "unsure" : "over" };
  }
  return { subject, request, processes, noise, figures };
}

function summaryOf(periods: readonly Period[]): Summary {
  const perRequest = (part: (period: Period) => number): number =>
    median(periods.map((period) => part(period) / period.requests));
  const requests = sum(periods.map((period) => period.requests));
  const latencies = periods.flatMap(({ p99 }) => p99 ?? []);
  return {
    cpu: perRequest(({ spending }) => spending.cpu),
    allocated: perRequest(({ spending }) => spending.allocated),
    survived: survivedIn(periods),
    minorTime: perRequest(({ spending }) => spending.minor.time),
    fullTime: perRequest(({ spending }) => spending.full.time),
    fulls: (sum(periods.map(({ spending }) => spending.full.count)) / requests) * 1e6,
    perSecond: median(periods.map(({ requests: count, seconds }) => count / seconds)),
    p99: latencies.length === 0 ? undefined : median(latencies),
  };
}

/**
 * Bytes per request that survive a minor collection. Minor collections are few, so those of all periods count together.
 * Full ones decide on young bytes too, so the share that survives the minor ones is applied to all bytes.
 */
export function survivedIn(periods: readonly Period[]): number {
  const offered = sum(periods.map(({ spending }) => spending.offered));
  if (offered === 0) return 0;
  const share = sum(periods.map(({ spending }) => spending.survived)) / offered;
  return share * median(periods.map(({ spending, requests }) => spending.allocated / requests));
}

function pairwise(left: readonly number[], right: readonly number[], join: (a: number, b: number) => number): number[] {
  return left.map((value, round) => join(value, right[round] ?? Number.NaN));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
