import { type ModuleForm, moduleForms, type SetUp } from "./set-ups.ts";
import type { Seen, SeenSpan } from "./sink.ts";

type Attributes = SeenSpan["attributes"];

/** A signal, and where it is to be found in what a service has exported: one set of attributes for each occurrence. */
interface Signal {
  readonly name: string;
  find(seen: Seen): readonly Attributes[];
}

const INTERNAL = 1;
const SERVER = 2;

const spans =
  (is: (span: SeenSpan) => boolean) =>
  (seen: Seen): readonly Attributes[] =>
    seen.spans.filter(is).map(({ attributes }) => attributes);

const points =
  (name: string) =>
  (seen: Seen): readonly Attributes[] =>
    seen.points
      .filter(({ instrument }) => instrument === name)
      .flatMap(({ attributes, count }) => Array.from({ length: count }, () => attributes));

const signals: readonly Signal[] = [
  { name: "server span", find: spans(({ kind }) => kind === SERVER) },
  { name: "child span", find: spans(({ kind, name }) => kind === INTERNAL && name === "child") },
  { name: "database span", find: spans(({ scope }) => scope === "@opentelemetry/instrumentation-pg") },
  {
    name: "log record",
    find: ({ records }) => records.filter(({ body }) => body?.startsWith("served")).map(({ attributes }) => attributes),
  },
  { name: "own meter", find: points("signals.orders") },
  { name: "`http.server.request.duration`", find: points("http.server.request.duration") },
  {
    name: "`http.client.request.duration`",
    // What exporters send is measured by instrumentation-http too, and belongs to nobody's request.
    find: (seen) =>
      points("http.client.request.duration")(seen).filter((of) => of.get("http.request.method") === "GET"),
  },
];

/** The variant that each of the two requests has, by how it got it. */
const VARIANTS = { inbound: "express", assigned: "control" } as const;

/** Which of the two requests show their variant in a signal; a dash where the set-up does not have the signal at all. */
function cellOf(signal: Signal, seen: Seen): string {
  const found = signal.find(seen).map((attributes) => attributes.get("experiment.variant"));
  if (found.length === 0) return "–";
  const shown = Object.entries(VARIANTS).filter(([, variant]) => found.includes(variant));
  if (shown.length === 0) return "no";
  if (found.some((variant) => variant !== VARIANTS.inbound && variant !== VARIANTS.assigned)) return "partly";
  return shown.length === 2 ? "yes" : `${shown[0]?.[0]} only`;
}

/** Whether the call that each request made for itself carried its own variant. */
function passedOn({ calls }: Seen): string {
  const right = Object.entries(VARIANTS).filter(
    ([request, variant]) =>
      calls.get(request) === `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`,
  );
  return right.length === 2 ? "yes" : `no: ${[...calls.values()].join(" ")}`;
}

/** A set-up, and what came of it. */
export interface Observation {
  readonly setUp: SetUp;
  readonly modules: ModuleForm;
  readonly seen: Seen;
}

/** The whole table as Markdown. Rows that differ in the form of modules alone are one. */
export function tableOf(observations: readonly Observation[]): string {
  const row = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;
  const head = ["set-up", "modules", ...signals.map(({ name }) => name), "passed on"];
  const rows = new Map<
    string,
    { readonly name: string; readonly forms: string[]; readonly cells: readonly string[] }
  >();
  for (const { setUp, modules, seen } of observations) {
    const cells = [...signals.map((signal) => cellOf(signal, seen)), passedOn(seen)];
    const key = JSON.stringify([setUp.name, cells]);
    const present = rows.get(key);
    if (present === undefined) rows.set(key, { name: setUp.name, forms: [modules], cells });
    else present.forms.push(modules);
  }
  const all = (forms: readonly string[]): string => (forms.length === moduleForms.length ? "any" : forms.join("; "));
  return [
    row(head),
    row(head.map(() => "---")),
    ...[...rows.values()].map(({ name, forms, cells }) => row([name, all(forms), ...cells])),
  ].join("\n");
}
