/** What each service needs to run. */
interface Needs {
  /** The services that it calls. Each one's address is in its environment, as `NAME_URL`. */
  readonly calls: readonly ServiceName[];
  readonly database?: true;
  readonly mail?: true;
  /** Without OpenTelemetry, since it is another company's. */
  readonly foreign?: true;
}

export type ServiceName =
  | "gateway"
  | "cart"
  | "inventory"
  | "tax"
  | "fraud"
  | "payment"
  | "provider"
  | "order"
  | "notification";

/** From the edge inwards. */
export const SERVICES: Readonly<Record<ServiceName, Needs>> = {
  gateway: { calls: ["cart", "inventory", "tax", "fraud", "payment", "order"] },
  cart: { calls: ["inventory"], database: true },
  inventory: { calls: [], database: true },
  tax: { calls: [] },
  fraud: { calls: [] },
  payment: { calls: ["provider"] },
  provider: { calls: [], foreign: true },
  order: { calls: [], database: true },
  notification: { calls: [], database: true, mail: true },
};

// why: the keys of the table are the names
export const SERVICE_NAMES = Object.keys(SERVICES) as readonly ServiceName[];
