import { createExperiments, type Experiments } from "../../src/index.ts";
import { send, type WireRequest } from "../wire/client.ts";
import type { InboundApp, InboundExchange, InboundHarness } from "./harness.ts";

export const REGISTRY = {
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
  search: { id: "search_ranking_2026q1", variants: ["bm25", "semantic"] },
} as const;

/** A variant of `REGISTRY`, as on the wire. */
export const CHECKOUT = "experiment.checkout.variant=express,experiment.checkout.id=checkout_redesign_2026q1";

/** The assignment that {@link CHECKOUT} stands for. */
export const EXPRESS_ASSIGNMENT = {
  key: "checkout",
  id: "checkout_redesign_2026q1",
  variant: "express",
  forced: false,
};

/** The experiments of `REGISTRY`. */
export type Checkout = Experiments<typeof REGISTRY>;

/** Experiments that trust every caller. */
export function trusting(): Checkout {
  return createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
}

/** Serves an app while `use` runs, then closes the server and the experiments. */
export async function serving<T>(
  harness: InboundHarness,
  app: InboundApp,
  closing: readonly Pick<Experiments, "close">[],
  use: (port: number) => Promise<T>,
): Promise<T> {
  const server = await harness.serve(app);
  try {
    return await use(server.port);
  } finally {
    await server.close();
    for (const experiments of closing) await experiments.close();
  }
}

/** Sends one request with a trusted variant, and returns the handler's notes in their order. */
export async function notesOf(
  harness: InboundHarness,
  app: Omit<InboundApp, "mount" | "handler"> & {
    handle(exchange: InboundExchange, note: (place: string) => void, experiments: Checkout): unknown;
  },
  request: WireRequest = {},
  until?: (notes: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const experiments = trusting();
  const notes: string[] = [];
  const complete = Promise.withResolvers<void>();
  const note = (place: string): void => {
    notes.push(`${place}: ${experiments.variant("checkout") ?? "none"}`);
    if (until?.(notes) === true) complete.resolve();
  };
  const { handle, ...rest } = app;
  const handler = (exchange: InboundExchange): unknown => handle(exchange, note, experiments);
  return serving(harness, { ...rest, mount: [experiments], handler }, [experiments], async (port) => {
    await send(port, { ...request, lines: [...(request.lines ?? []), `baggage: ${CHECKOUT}`] });
    if (until !== undefined) await complete.promise;
    return notes;
  });
}
