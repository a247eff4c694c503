import diagnosticsChannel from "node:diagnostics_channel";
import { describeValue } from "../checks/describe-value.ts";
import { isAttentive, isServing, readEnvironment } from "../checks/development.ts";
import { announce, hasSaid, notice } from "../checks/notices.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { processWide } from "../process-wide.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";

// Looks for common mistakes of new users. In production none of it runs.

/** The part of an instance that is looked at. */
interface Watched {
  readonly isMounted: boolean;
  readonly assigns: boolean;
  readonly emptyScope: RequestScope;
  readonly options: {
    readonly summary: { readonly trusts: string; readonly passesOnTo: string };
    readonly overrides: unknown;
  };
  readonly catalog: { readonly declared: ReadonlyMap<string, unknown> };
  beforeClose(undo: () => void): unknown;
}

/** A request of node:http, as its channels publish it. */
interface ServedRequest {
  readonly request: object;
  readonly response: { readonly writableEnded?: boolean; readonly destroyed?: boolean };
}

/** More open instances than a process needs, as with Node's listeners of one emitter. */
const MANY = 10;
/** The number of the latest requests that are kept. */
const MAX_LATEST = 32;
/** After this many requests of a process, no request is kept. */
const MAX_ARRIVED = 1000;

/** The latest requests that the process began to serve. */
const latest: ServedRequest[] = [];
let arrived = 0;
let isWatching = false;

/** Looks for mistakes in the use of a new instance. */
export function watchFirstHour(instance: Watched): void {
  readEnvironment();
  if (!isAttentive()) return;
  const { size } = policiesInForce();
  if (size > MANY) notice("MANY_OPEN", { count: String(size) });
  watchArrivals();
  const onFinish = (): void => {
    if (!instance.isMounted && !isServing()) notice("NOT_MOUNTED");
    diagnosticsChannel.unsubscribe(FINISHED, onFinish);
  };
  diagnosticsChannel.subscribe(FINISHED, onFinish);
  instance.beforeClose(() => void diagnosticsChannel.unsubscribe(FINISHED, onFinish));
}

const ARRIVED = "http.server.request.start";
const FINISHED = "http.server.response.finish";

function watchArrivals(): void {
  if (isWatching) return;
  isWatching = true;
  diagnosticsChannel.subscribe(ARRIVED, noteArrival);
}

function noteArrival(message: unknown): void {
  // why: the channel's contract, documented by Node under "http.server.request.start"
  latest.push(message as ServedRequest);
  if (latest.length > MAX_LATEST) latest.shift();
  arrived++;
  if (arrived < MAX_ARRIVED) return;
  diagnosticsChannel.unsubscribe(ARRIVED, noteArrival);
  latest.splice(0);
}

/** A call for the current request was made where no request is known. */
export function missRequest(instance: Watched, call: string): void {
  if (!isAttentive()) return;
  const running = latest.filter(({ response }) => response.writableEnded !== true && response.destroyed !== true);
  const isSeen = ({ request }: ServedRequest): boolean => getScope(request) !== undefined;
  if (running.length === 0) {
    // A script that serves nobody may call anything.
    if (isServing()) notice("OUTSIDE_REQUEST", { call });
  } else if (!instance.isMounted) notice("NOT_MOUNTED");
  else notice(running.some(isSeen) ? "OUTSIDE_REQUEST" : "BEHIND_ROUTE", { call });
}

/** `use` found no variant. */
export function missVariant(instance: Watched, scope: RequestScope, key: string): void {
  if (!isAttentive()) return;
  if (scope === instance.emptyScope) missRequest(instance, `use(${describeValue(key)})`);
  else if (scope.isDeciding(key)) notice("NOT_AWAITED", { key });
  else if (!mayHaveVariants(instance)) notice("NOTHING_ASSIGNED", { key });
}

function mayHaveVariants({ assigns, options: { summary, overrides } }: Watched): boolean {
  return assigns || summary.trusts !== "nobody" || overrides !== undefined || hasSaid("UNTRUSTED");
}

const told = processWide("told.v1", () => new WeakSet<Watched>());

/**
 * Shows the settings of an instance. To be called when a request of it has ended; only the first call counts.
 *
 * @param spans who makes the server spans
 */
export function sayWhatHolds(instance: Watched, spans: () => string): void {
  if (!isAttentive() || told().has(instance)) return;
  told().add(instance);
  const { trusts, passesOnTo } = instance.options.summary;
  const keys = [...instance.catalog.declared.keys()];
  const experiments = keys.length === 0 ? "all that trusted callers send" : keys.join(", ");
  announce(`trusts ${trusts}; passes on to ${passesOnTo}; server spans by ${spans()}; experiments: ${experiments}`);
}
