import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { signOverride } from "otel-experiments/override";
import type { Arguments } from "./arguments.ts";
import { closeBooks, openBooks } from "./books.ts";
import type { Evidence, ProviderRecord } from "./evidence.ts";
import { Interruption } from "./interruption.ts";
import type { Finding } from "./invariants/finding.ts";
import { examine } from "./invariants.ts";
import { Progress } from "./progress.ts";
import { goShopping } from "./shopping.ts";
import { summaryOf, verdictOf } from "./summary.ts";
import { type System, startSystem } from "./system.ts";
import { TRUTH } from "./truth.ts";

/** A time limit far above what so many shoppers need. */
const shoppingSeconds = (shoppers: number): number => 60 + shoppers / 10;

/** The services export every second, and a busy machine takes longer. */
const EXPORTED_MS = 15_000;
const POLL_MS = 500;

const progress = new Progress();

/**
 * Starts the shop, sends the shoppers through it, and prints what came of them. When the promise settles, every process
 * has ended.
 *
 * @param job aborted by the caller to end it early, or by this function if a process ends by itself
 * @returns whether every statement holds
 * @throws the reason of the abort, or what did not start or end
 */
export async function runJob(args: Arguments, job: AbortController): Promise<boolean> {
  const { signal } = job;
  let system: System | undefined;
  let isDone = false;
  try {
    system = await startSystem({ signal, onEnd: (error) => job.abort(error), onStarted: announce });
    const evidence = await gather(system, args, signal);
    const findings = await settle(evidence, args.once ? 0 : EXPORTED_MS, signal);
    console.log(`\n${summaryOf(evidence)}\n\n${verdictOf(findings)}`);
    const holds = allHold(findings);
    if (holds && !args.once) await stayUp(system, signal);
    isDone = true;
    await system.stop();
    return holds;
  } catch (error) {
    if (isDone) throw error;
    await system?.stop().catch((problem: unknown) => progress.say(String(problem)));
    // If the job was aborted, what failed then is a consequence.
    throw signal.aborted ? signal.reason : error;
  }
}

async function gather(system: System, args: Arguments, signal: AbortSignal): Promise<Evidence> {
  const { addresses, database, mail, processes, receiver } = system;
  const opening = await openBooks(database.url);
  const seconds = shoppingSeconds(args.shoppers);
  const limit = AbortSignal.timeout(1_000 * seconds);
  const receipts = await goShopping(
    { gateway: addresses.gateway, count: args.shoppers, seed: args.seed },
    AbortSignal.any([signal, limit]),
    (done) => progress.count("shoppers", done, args.shoppers),
  ).catch((error: unknown) => {
    if (!limit.aborted) throw error;
    throw new Error(`The shoppers took more than ${seconds} s. Is the machine busy? Try fewer: --shoppers 200`);
  });
  const books = await closeBooks(database.url, opening, signal);
  const answer = await fetch(`${addresses.provider}/control/requests`, { signal });
  const provider = (await answer.json()) as ProviderRecord; // why: the provider's contract
  // A service exports the rest of its telemetry when it ends.
  const ends = args.once ? await processes.stop() : [];
  return { receipts, telemetry: receiver.telemetry, leaks: receiver.leaks, provider, books, mails: mail?.mails, ends };
}

/** Waits until every statement holds, for as long as telemetry may be on its way. */
async function settle(evidence: Evidence, limitMs: number, signal: AbortSignal): Promise<readonly Finding[]> {
  const end = performance.now() + limitMs;
  for (;;) {
    const findings = examine(evidence);
    if (allHold(findings) || performance.now() > end) return findings;
    await pause(POLL_MS, undefined, { signal });
  }
}

function allHold(findings: readonly Finding[]): boolean {
  return findings.every(({ problems }) => problems.length === 0);
}

/** @returns when the user ends it */
async function stayUp({ addresses, overrideSecret, receiver }: System, signal: AbortSignal): Promise<void> {
  receiver.forget();
  console.log(`\nThe shop stays up until Ctrl-C: ${addresses.gateway}/\nTo see a variant, open its signed address:`);
  for (const checkout of Object.keys(TRUTH)) {
    const token = signOverride({ checkout }, { secret: overrideSecret, audience: "local", expiresIn: "1d" });
    console.log(`${checkout.padEnd(12)}  ${addresses.gateway}/#override=${token}`);
  }
  if (!signal.aborted) await once(signal, "abort");
  if (!(signal.reason instanceof Interruption)) throw signal.reason;
}

function announce(what: string, address: string, pid?: number): void {
  progress.say(`${what.padEnd(12)}  ${withoutPassword(address)}${pid === undefined ? "" : `  process ${pid}`}`);
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password === "") return address;
  url.password = "***";
  return url.href;
}
