// The files of examples/checkout/deploy, read as Compose and the Collector read them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const CHECKOUT = new URL("../../../examples/checkout/", import.meta.url);

export const pathOf = (name: string): string => fileURLToPath(new URL(`deploy/${name}`, CHECKOUT));
export const contentOf = (name: string): string => readFileSync(pathOf(name), "utf8");

export interface Service {
  readonly image: string;
  readonly working_dir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[] | Readonly<Record<string, { readonly aliases?: readonly string[] }>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[] };
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, object>>;
}

interface Pipeline {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

type Components = Readonly<Record<string, unknown>>;

interface Transform {
  readonly error_mode: string;
  readonly trace_statements: readonly string[];
  readonly metric_statements: readonly string[];
  readonly log_statements: readonly string[];
}

export interface Collector {
  readonly extensions: Components;
  readonly receivers: Components;
  readonly processors: Components & { readonly "transform/baggage": Transform };
  readonly exporters: Components;
  readonly service: {
    readonly extensions: readonly string[];
    readonly pipelines: Readonly<Record<string, Pipeline>>;
  };
}

/** YAML 1.2 with merge keys, `<<`, as Compose reads it. */
export function read(name: string): unknown {
  return parse(contentOf(name), { merge: true });
}

export const compose = read("compose.yaml") as Compose; // why: DPL-01 checks the form
export const local = read("compose.local.yaml") as Pick<Compose, "services">; // why: DPL-01 checks the form
export const collector = read("collector.yaml") as Collector; // why: DPL-12 checks the form

/** The services of the shop: the folders that have a main.ts. */
export const shopServices: readonly string[] = readdirSync(CHECKOUT).filter((folder) =>
  existsSync(new URL(`${folder}/main.ts`, CHECKOUT)),
);

const READS = /\b(?:required|originOf)\("([A-Z_]+)"\)|process\.env(?:\.|\[")([A-Z_]+)/g;
const DESTRUCTURES = /const \{([^}]+)\} = process\.env/g;

/** Whether a service of the shop believes variants, of the callers in TRUST_INBOUND. */
export const trusts = (service: string): boolean =>
  shopServices.includes(service) && variablesOf(service).includes("TRUST_INBOUND");

/** The variables that a service of the shop reads; those of OpenTelemetry are read by its SDK. */
export function variablesOf(service: string): readonly string[] {
  const folder = new URL(`${service}/`, CHECKOUT);
  const source = readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
    .join("\n");
  // What ../service.ts reads: HOST and PORT for every service, TRUST_INBOUND for one that asks for its networks.
  const shared = source.includes("trustedNetworks(") ? ["HOST", "PORT", "TRUST_INBOUND"] : ["HOST", "PORT"];
  return [...new Set([...shared, ...namesIn(source)])].sort();
}

/** The variables that the files beside the services read, which are for all of them. */
export function sharedVariables(): readonly string[] {
  const files = readdirSync(CHECKOUT).filter((file) => file.endsWith(".ts") && file !== "start.ts");
  return [...new Set(files.flatMap((file) => namesIn(readFileSync(new URL(file, CHECKOUT), "utf8"))))].sort();
}

function namesIn(source: string): readonly string[] {
  const named = [...source.matchAll(READS)].map(([, first, second]) => first ?? second ?? "");
  const taken = [...source.matchAll(DESTRUCTURES)].flatMap(([, list = ""]) => list.match(/\b[A-Z][A-Z_]+\b/g) ?? []);
  return [...named, ...taken];
}
