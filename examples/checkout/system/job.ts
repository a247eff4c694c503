import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Arguments } from "./arguments.ts";
import { closeBooks, openBooks } from "./books.ts";
import type { Evidence, ProviderRecord } from "./evidence.ts";
import { examine } from "./invariants.ts";
import { Progress } from "./progress.ts";
import { goShopping } from "./shopping.ts";
import { summaryOf, verdictOf } from "./summary.ts";
import { type System, startSystem } from "./system.ts";

/** A time limit far above what so many shoppers need. */
const shoppingSeconds = (shoppers: number): number => 60 + shoppers / 10;

/** The exports of a service are at most a second apart. */
const QUIET_MS = 2_500;

const progress = new Progress();

/**
 * Starts the shop, sends the shoppers through it, and prints what came of them. When the promise settles, every process
 * has ended.
 *
 * @param job aborted by the caller to end it early, or by this function if a process ends by itself
 * @returns whether every statement holds
 */
export async function runJob(
  { shoppers, seed, once: endsAfterwards }: Arguments,
  job: AbortController,
): Promise<boolean> {
  const { signal } = job;
  const system = await startSystem({
    signal,
    onEnd: (error) => job.abort(error),
    onStarted: (what, address, pid) => {
      progress.say(`${what.padEnd(12)}  ${withoutPassword(address)}${pid === undefined ? "" : `  process ${pid}`}`);
    },
  });
  let isStopped = false;
  try {
    const opening = await openBooks(system.database.url);
    const limit = AbortSignal.timeout(1_000 * shoppingSeconds(shoppers));
    const shopping = AbortSignal.any([signal, limit]);
    const receipts = await goShopping({ gateway: system.addresses.gateway, count: shoppers, seed }, shopping, (done) =>
      progress.count("shoppers", done, shoppers),
    );
    const books = await closeBooks(system.database.url, opening, signal);
    const provider = await recordOf(system, signal);
    let ends: readonly string[] = [];
    if (endsAfterwards) ends = await system.processes.stop();
    else await pause(QUIET_MS, undefined, { signal });

    const { telemetry, leaks } = system.receiver;
    const evidence: Evidence = { receipts, telemetry, leaks, provider, books, mails: system.mail?.mails, ends };
    const findings = examine(evidence);
    console.log(`\n${summaryOf(evidence)}\n\n${verdictOf(findings)}`);
    const isWhole = findings.every(({ problems }) => problems.length === 0);
    if (isWhole && !endsAfterwards) {
      system.receiver.forget();
      await stayUp(system, signal);
    }
    isStopped = true;
    await system.stop();
    return isWhole;
  } finally {
    if (!isStopped) await system.stop();
  }
}

/** @returns when the caller stops it */
async function stayUp({ addresses }: System, signal: AbortSignal): Promise<void> {
  console.log(`\nThe shop stays up: ${addresses.gateway}  Stop it by Ctrl-C.`);
  if (!signal.aborted) await once(signal, "abort");
}

async function recordOf({ addresses }: System, signal: AbortSignal): Promise<ProviderRecord> {
  const answer = await fetch(`${addresses.provider}/control/requests`, { signal });
  return (await answer.json()) as ProviderRecord; // why: the provider's contract
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password === "") return address;
  url.password = "***";
  return url.href;
}
