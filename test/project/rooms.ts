/**
 * The floors of `src`, the lowest first. A folder imports, types included, only folders of lower floors, and of these
 * only the ones that its row names; `always` is open to all. Doors are files, and import every folder below them.
 */
export interface Room {
  readonly floor: number;
  readonly imports: readonly string[];
}

export const always: readonly string[] = ["process-wide.ts", "version.ts"];

export const rooms: { readonly [folder: string]: Room } = {
  checks: { floor: 1, imports: [] },
  http: { floor: 1, imports: [] },
  baggage: { floor: 1, imports: [] },
  policy: { floor: 2, imports: ["baggage", "http", "checks"] },
  fields: { floor: 2, imports: ["baggage", "checks"] },
  assignment: { floor: 2, imports: ["baggage", "http", "checks"] },
  "cookie-store": { floor: 3, imports: ["assignment", "http", "checks"] },
  override: { floor: 3, imports: ["assignment", "http", "checks"] },
  telemetry: { floor: 3, imports: ["assignment", "checks"] },
  "http-spans": { floor: 4, imports: ["telemetry", "override", "http", "checks"] },
  scope: { floor: 4, imports: ["telemetry", "policy", "fields", "assignment", "baggage", "http", "checks"] },
  propagation: {
    floor: 5,
    imports: ["scope", "policy", "telemetry", "fields", "assignment", "baggage", "http", "checks"],
  },
  instance: {
    floor: 5,
    imports: ["scope", "telemetry", "policy", "override", "fields", "assignment", "baggage", "checks"],
  },
  flow: { floor: 6, imports: ["instance", "scope", "telemetry", "http-spans", "assignment", "checks"] },
  outbound: { floor: 6, imports: ["instance", "propagation", "scope", "policy", "http-spans", "http", "checks"] },
  inbound: {
    floor: 6,
    imports: ["instance", "propagation", "scope", "http-spans", "override", "assignment", "http", "checks"],
  },
  carriers: {
    floor: 6,
    imports: ["instance", "propagation", "scope", "policy", "assignment", "baggage", "http", "checks"],
  },
};

/** The files above all folders. One imports another only of a lower floor. */
export const doors: { readonly [file: string]: number } = {
  "experiments.ts": 7,
  "adapter.ts": 8,
  "sdk-adapter.ts": 8,
  "index.ts": 8,
};
