import assert from "node:assert/strict";
import { nodeExperiments } from "../../adapters/inbound/node.ts";
import { createExperiments, type Experiments } from "../../src/index.ts";
import { headerValues } from "../wire/http-bytes.ts";
import { startWireServer, type WireAnswer, type WireServer } from "../wire/server.ts";
import type { OutboundClient, OutboundHarness } from "./harness.ts";
import { startScopedService } from "./scoped-service.ts";

const REGISTRY = {
  checkout: { id: "checkout_1", variants: ["control", "express", "single_page"] },
  search: { id: "search_1", variants: ["bm25", "semantic"] },
} as const;

/** The members that the cases send and expect, as on the wire. */
export const CHECKOUT: string = own("express");
export const SEARCH = "experiment.search.variant=semantic,experiment.search.id=search_1";
/** A literal: it is searched for on the wire, and an imported name would change together with a leaked one. */
export const TICKET = "otel-experiments-ticket";

/** The members of one variant of the experiment `checkout`. */
export function own(variant: string): string {
  return `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`;
}

/** The servers, the client and the experiments of one case. */
export interface Stage {
  /** `propagateTo` names its origin. */
  readonly allowed: WireServer;
  /** `propagateTo` does not name its origin. */
  readonly denied: WireServer;
  readonly experiments: Experiments<typeof REGISTRY>;
  readonly client: OutboundClient;
  /** Runs a function while a request with this baggage is served. */
  serve<T>(baggage: string | undefined, fn: () => Promise<T>): Promise<T>;
}

interface StageOptions {
  readonly trustInbound?: boolean;
  readonly prefix?: string;
}

/** Sets up the stage for one case, and closes it afterwards. */
export async function onStage(
  harness: OutboundHarness,
  play: (stage: Stage) => Promise<void>,
  { trustInbound = true, prefix = "experiment." }: StageOptions = {},
): Promise<void> {
  const flaky = new Set<string>();
  const close = (): Promise<void> => experiments.close();
  const allowed = await startWireServer((request) => answer(request.start, flaky, close));
  const denied = await startWireServer((request) => answer(request.start, flaky, close));
  const experiments = createExperiments({
    experiments: REGISTRY,
    primary: "checkout",
    trustInbound,
    prefix,
    propagateTo: [allowed.origin],
    strict: false,
  });
  const service = await startScopedService((listener) => nodeExperiments(experiments, listener));
  const client = harness.create(experiments);
  try {
    await play({
      allowed,
      denied,
      experiments,
      client,
      serve: (baggage, fn) => service.serve(baggage === undefined ? [] : [`baggage: ${baggage}`], fn),
    });
  } finally {
    await client.close();
    await service.close();
    await experiments.close();
    await allowed.close();
    await denied.close();
  }
}

/**
 * The path decides the answer: `/go/302/URL` redirects, `/close/302/URL` first closes the experiments and then
 * redirects, `/flaky/…` is unavailable the first time, every other path succeeds.
 */
async function answer(start: string, flaky: Set<string>, close: () => Promise<void>): Promise<WireAnswer> {
  const path = start.split(" ")[1] ?? "";
  const [, kind = "", status = "", target = ""] = path.split("/");
  if (kind === "go" || kind === "close") {
    if (kind === "close") await close();
    await new Promise((resolve) => setImmediate(resolve));
    return { status: Number(status), lines: [`location: ${decodeURIComponent(target)}`] };
  }
  if (kind === "flaky" && !flaky.has(path)) {
    flaky.add(path);
    return { status: 503, lines: ["retry-after: 0"] };
  }
  return { body: `answer to ${path}` };
}

/** The URL that redirects to a target. */
export function go(status: number, from: WireServer, target: string): string {
  return `${from.origin}/go/${status}/${encodeURIComponent(target)}`;
}

/** The URL that closes the experiments, and then redirects to a target. */
export function goAndClose(status: number, from: WireServer, target: string): string {
  return `${from.origin}/close/${status}/${encodeURIComponent(target)}`;
}

/** The one `baggage` line of each request that arrived, or `""` if there is none. */
export function arrived(server: WireServer): readonly string[] {
  return server.requests.map(({ start, lines }) => {
    const baggage = headerValues(lines, "baggage");
    assert.ok(baggage.length <= 1, `${start} has ${baggage.length} baggage lines: ${baggage.join(" | ")}`);
    const tickets = lines.filter((line) => line.toLowerCase().includes(TICKET));
    assert.deepEqual(tickets, [], `${start} shows a ticket`);
    const [line = ""] = baggage;
    const keys = line.split(",").flatMap((member) => member.split("=")[0]?.trim() ?? []);
    const ownKeys = keys.filter((key) => key.startsWith("experiment."));
    assert.equal(new Set(ownKeys).size, ownKeys.length, `${start} repeats an own key: ${line}`);
    return line;
  });
}
