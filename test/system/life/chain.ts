import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import type { InboundExchange, InboundHarness, InboundServer } from "otel-experiments/testing";
import { send, type WireResponse } from "../../../testing/wire/client.ts";

/** The experiment that both services declare. */
export const checkout = { id: "checkout_1", variants: { control: 1, express: 1 } } as const;

type Registry = { readonly checkout: typeof checkout };
export type Checkout = Experiments<Registry>;

/** What one service does for one request. */
type Serve = (experiments: Checkout, exchange: InboundExchange) => unknown;

/** What is unlike in a test. */
export interface ChainPlan {
  readonly edge?: Partial<ExperimentsOptions<Registry>>;
  readonly backend?: Partial<ExperimentsOptions<Registry>>;
  /** Before the edge calls the backend. */
  readonly atEdge?: Serve;
  readonly atBackend?: Serve;
  /** After the backend has answered. */
  readonly afterwards?: Serve;
}

/** An edge service and one behind it, on the same framework, with a real connection between them. */
export interface Chain extends AsyncDisposable {
  /** One visit: the edge serves, calls the backend, and answers. */
  visit(lines?: readonly string[], path?: string): Promise<WireResponse>;
}

/** Each service has its own experiments, as two processes would have. */
export async function startChain(harness: InboundHarness, plan: ChainPlan): Promise<Chain> {
  const options = { experiments: { checkout }, strict: false } as const;
  const backendExperiments = createExperiments({ ...options, trustInbound: true, ...plan.backend });
  const backend = await harness.serve({
    mount: [backendExperiments],
    handler: async (exchange) => {
      await plan.atBackend?.(backendExperiments, exchange);
      exchange.reply(200, "behind");
    },
  });
  const url = `http://127.0.0.1:${backend.port}/behind`;
  const edgeExperiments = createExperiments({ ...options, propagateTo: [new URL(url).origin], ...plan.edge });
  const fetch = experimentFetch(edgeExperiments);
  const edge: InboundServer = await harness.serve({
    mount: [edgeExperiments],
    handler: async (exchange) => {
      await plan.atEdge?.(edgeExperiments, exchange);
      await (await fetch(url)).text();
      await plan.afterwards?.(edgeExperiments, exchange);
      exchange.reply(200, "served");
    },
  });
  return {
    visit: (lines = [], path = "/") => send(edge.port, { lines, path }),
    async [Symbol.asyncDispose]() {
      await edge.close();
      await backend.close();
      await edgeExperiments.close();
      await backendExperiments.close();
    },
  };
}
