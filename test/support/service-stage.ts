import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { type ScopedService, startScopedService } from "../../testing/outbound/scoped-service.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";

/** A variant of the experiment `checkout`, as on the wire. */
export function own(variant: string, prefix = "experiment."): string {
  return `${prefix}checkout.variant=${variant},${prefix}checkout.id=checkout_1`;
}

/** A service with experiments. */
export interface Stage {
  readonly experiments: Experiments;
  readonly service: ScopedService;
  /** Runs a function while a request with this baggage is served. */
  serve<T>(baggage: string, fn: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Starts a service with these experiments. Unless the options say otherwise, it trusts its callers. */
export async function openStage(options: ExperimentsOptions): Promise<Stage> {
  const experiments = createExperiments({ trustInbound: true, ...options });
  const service = await startScopedService((listener) => nodeExperiments(experiments, listener));
  return {
    experiments,
    service,
    serve: (baggage, fn) => service.serve(baggage === "" ? [] : [`baggage: ${baggage}`], fn),
    close: async () => {
      await service.close();
      await experiments.close();
    },
  };
}

/** A server that redirects `/go/STATUS/URL`. */
export function startRedirectingServer(): Promise<WireServer> {
  return startWireServer(({ start }) => {
    const [, kind, status, target = ""] = (start.split(" ")[1] ?? "").split("/");
    return kind === "go" ? { status: Number(status), lines: [`location: ${decodeURIComponent(target)}`] } : {};
  });
}

/** The path that is answered with a redirect. */
export function go(status: number, target: string): string {
  return `/go/${status}/${encodeURIComponent(target)}`;
}

/**
 * The relevant lines of each request: its `baggage` lines, and every other line that names a ticket or an experiment.
 */
export function arrivals(server: WireServer): readonly (readonly string[])[] {
  return server.requests.map(({ lines }) => [
    ...headerValues(lines, "baggage"),
    ...lines.filter((line) => !/^baggage:/i.test(line) && /otel-experiments|experiment\./i.test(line)),
  ]);
}
