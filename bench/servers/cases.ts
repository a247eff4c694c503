/** What is measured. The words of `--only` are the members of these lists. */
export const FRAMEWORKS = ["http", "express", "koa", "fastify"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** HTTP clients: the built-in fetch, `request` of undici, `request` of node:http with a keep-alive agent. */
export const CLIENTS = ["fetch", "undici", "node-http"] as const;
type Client = (typeof CLIENTS)[number];

/** No SDK; an SDK with the instrumentations of HTTP; that with the framework's instrumentation too. */
export const TELEMETRIES = ["no-sdk", "sdk", "sdk-framework"] as const;
export type Telemetry = (typeof TELEMETRIES)[number];

/**
 * What a request brings: no baggage, a variant, only others' baggage, or a variant with a path whose handler makes an
 * outgoing call.
 */
export const KINDS = ["plain", "own", "foreign", "proxying"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * How a process is programmed: without us; with the lines of a tutorial over OpenTelemetry's API; with
 * `createExperiments` alone; with our middleware and our client.
 */
export type Form = "bare" | "hand" | "guarded" | "ours";

/** A server to start. */
export interface ServerOrder {
  readonly framework: Framework;
  readonly telemetry: Telemetry;
  readonly form: Form;
  /** Where the outgoing calls go. */
  readonly origin: string;
}

/** A process to start that makes outgoing calls in a loop. */
export interface CallerOrder {
  readonly client: Client;
  readonly telemetry: Telemetry;
  readonly form: Form;
  readonly origin: string;
}

export const EXPERIMENT = { id: "checkout_redesign_2026q1", variants: ["ctrl", "test"] } as const;

/** As long as a variant's name, so that all responses have the same length. */
export const NO_VARIANT = "none";

export const CONNECTIONS = 16;

/** The `baggage` header of a request that brings this variant. */
export function ownBaggage(variant: string): string {
  return `experiment.checkout.variant=${variant},experiment.checkout.id=${EXPERIMENT.id}`;
}
