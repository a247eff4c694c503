import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { createExperiments, type Scope } from "otel-experiments";
import type { ExperimentsHandle } from "otel-experiments/adapter";
import { nodeExperiments } from "otel-experiments/node";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { afterAll, describe, expect, test } from "vitest";
import { type ScopedService, startScopedService } from "../../../testing/outbound/scoped-service.ts";
import { headerValues, type WireMessage } from "../../../testing/wire/http-bytes.ts";
import { enable, type InstrumentationName, startTelemetry } from "../../support/client-instrumentations.ts";
import { type Network, startNetwork } from "../../support/network.ts";
import { type Client, type HttpModules, openClients } from "./clients.ts";
import { type Destination, destinationsOf, namedDestinations, someDestinationsOf } from "./destinations.ts";
import { type Content, contents, formOf, formsOf, type HeaderForm, shapes } from "./header-forms.ts";

/** Which of OpenTelemetry's instrumentations are on, and whether they were before we were. */
export interface EgressSetUp {
  readonly name: string;
  readonly before: readonly InstrumentationName[];
  readonly after: readonly InstrumentationName[];
  /** Whether every client writes, and not the wrapped ones alone. */
  readonly outgoing?: boolean;
}

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const FOREIGN = "tenant=7;ttl=3";
/** What a stranger may try, and what OpenTelemetry makes of it when it is not stopped. */
const EVIL = "experiment%2Echeckout.variant=EVIL,%65xperiment.search.variant=EVIL";
const STRANGERS = `${FOREIGN},${OWN},${EVIL}`;
const REGISTRY = { checkout: { id: "checkout_1", variants: ["control", "express"] } } as const;
const TICKET = "otel-experiments-ticket";

/** A service under test, and the clients that are made for its experiments. */
interface Side {
  readonly experiments: ExperimentsHandle & { current(): Pick<Scope, "assignments" | "attributes"> };
  readonly service: ScopedService;
  readonly clients: readonly Client[];
}

interface World {
  readonly network: Network;
  /** Trusts everybody. */
  readonly trusting: Side;
  /** Trusts nobody, as is the default. */
  readonly wary: Side;
  close(): Promise<void>;
}

async function startWorld({ before, after, outgoing = false }: EgressSetUp): Promise<World> {
  const exporter = before.length + after.length === 0 ? undefined : startTelemetry();
  const network = await startNetwork();
  before.forEach(enable);
  const propagateTo = namedDestinations(network);
  const trusting = createExperiments({ trustInbound: true, propagateTo });
  const wary = createExperiments({ experiments: REGISTRY, propagateTo });
  // Twice, which is as if it were once.
  if (outgoing) for (const each of [trusting, wary, trusting]) instrumentOutgoing(each);
  after.forEach(enable);
  // Required, and only now: instrumentation-http patches what is required, and not what is imported.
  const require = createRequire(import.meta.url);
  // why: the modules of Node under the names that it has for them
  const modules = { http: require("node:http"), https: require("node:https") } as HttpModules;

  const closing: (() => Promise<void>)[] = [];
  const sideOf = async (experiments: Side["experiments"]): Promise<Side> => {
    const wrap = (listener: RequestListener): RequestListener => nodeExperiments(experiments, listener);
    const service = await startScopedService(wrap, modules.http.createServer);
    const { clients, close } = openClients(experiments, network, modules);
    closing.push(close, service.close);
    return { experiments, service, clients };
  };
  const world = { network, trusting: await sideOf(trusting), wary: await sideOf(wary) };
  return {
    ...world,
    close: async () => {
      for (const close of closing) await close();
      await trusting.close();
      await wary.close();
      await network.close();
      exporter?.reset();
    },
  };
}

/** Runs a function in a context whose baggage is a stranger's, own members and all, as some frameworks' plugins do. */
function inStrangersContext<T>(fn: () => Promise<T>): Promise<T> {
  return context.with(propagation.extract(ROOT_CONTEXT, { baggage: STRANGERS }), fn);
}

/** Makes one request while one is served that comes with a stranger's baggage, and gives what arrived. */
async function observe({ network }: World, side: Side, run: () => Promise<unknown>): Promise<readonly WireMessage[]> {
  network.server.clear();
  network.tunnels.splice(0);
  await side.service.serve([`baggage: ${STRANGERS}`], () => inStrangersContext(run));
  return [...network.server.requests];
}

/** What is wrong with one hop, in words; nothing where all is well. */
function faultsOf({ start, lines }: WireMessage, expected: string): readonly string[] {
  const baggage = headerValues(lines, "baggage");
  const others = lines.filter((line) => !/^baggage:/i.test(line));
  const [line = ""] = baggage;
  return [
    ...(baggage.length > 1 ? [`${baggage.length} baggage lines`] : []),
    ...(line === expected ? [] : [`has "${line}" in the place of "${expected}"`]),
    ...others.filter((other) => other.includes(TICKET)).map((other) => `shows "${other}"`),
    ...others.filter((other) => /experiment(\.|%2e)/i.test(other)).map((other) => `hides "${other}"`),
  ].map((fault) => `${start}: ${fault}`);
}

/** A tunnel is opened without anything of ours, and without anybody's baggage. */
function tunnelFaults({ tunnels }: Network): readonly string[] {
  return tunnels.filter((head) => /baggage|experiment/i.test(head)).map((head) => `the tunnel shows ${head}`);
}

/** Makes the request in each form, and says what is wrong with what arrived. */
async function check(
  world: World,
  setUp: EgressSetUp,
  side: Side,
  client: Client,
  destination: Destination,
  forms: readonly HeaderForm[],
): Promise<readonly string[]> {
  const instrumented = [...setUp.before, ...setUp.after].includes(client.over);
  const faults: string[] = [];
  for (const form of forms) {
    const hops = await observe(world, side, () => client.send(destination.url, form.headers));
    const inForm = (fault: string): string => `${form.name}: ${fault}`;
    if (hops.length !== destination.hops.length) faults.push(inForm(`${hops.length} requests arrived`));
    for (const [i, hop] of hops.entries()) {
      // instrumentation-http overwrites the caller's baggage, before anybody can see it, or is overwritten.
      const replaces = instrumented && client.over === "http";
      const callers = replaces && !client.late ? "" : form.kept;
      const added = instrumented && !(replaces && client.late && form.writes) ? FOREIGN : "";
      const writes = side === world.trusting && passesOn(setUp, client, i) && isAllowed(client, destination, i);
      // What the caller and OpenTelemetry both have stands there once.
      const parts = new Set([callers, added, writes ? OWN : ""]);
      faults.push(...faultsOf(hop, [...parts].filter((part) => part !== "").join(",")).map(inForm));
    }
    faults.push(...tunnelFaults(world.network).map(inForm));
  }
  return faults;
}

/** Whether a client passes variants on with its n-th hop, where they may go. */
function passesOn({ outgoing = false }: EgressSetUp, client: Client, hop: number): boolean {
  return !client.blind && (client.wrapped || (outgoing && !(client.hidesHops && hop > 0)));
}

/** Whether the n-th hop may have own members, as the client shows where it goes. */
function isAllowed({ wholeUrl }: Client, { url, hops }: Destination, hop: number): boolean {
  return hops[hop] === true && !(wholeUrl && new URL(url).username !== "");
}

/** What a service forwards that hands its caller's header on. */
const FORWARDED: Content = { name: "a stranger's header", lines: [STRANGERS], kept: [FOREIGN] };

/**
 * Defines the tests of one set-up: each client against each destination that it can ask for, and the first two
 * destinations, one that is named and one that is not, in each form of headers.
 */
export async function defineEgress(setUp: EgressSetUp): Promise<void> {
  const world = await startWorld(setUp);
  const { trusting, wary, network } = world;
  const instrumented = [...setUp.before, ...setUp.after];
  const mangles = instrumented.includes("http");
  // What goes past the instrumentations is as it is without them, and a wrapped client as it is among others.
  const concerns = ({ over, wrapped }: Client): boolean =>
    (instrumented.length === 0 || instrumented.includes(over)) && !(wrapped && setUp.outgoing === true);
  const suitable = ({ arrays }: Client): boolean => !(arrays && mangles);
  const destinations = instrumented.length === 0 ? destinationsOf(network) : someDestinationsOf(network);
  const plan = (clients: readonly Client[], some: readonly Destination[]) =>
    clients
      .filter(suitable)
      .flatMap((client) =>
        some
          .filter(({ suits }, i) => suits(client) && (i < 2 || concerns(client)))
          .map((destination) => ({ client, destination, name: client.name })),
      );

  afterAll(() => world.close());

  describe(`what leaves with ${setUp.name}`, () => {
    test.each(plan(trusting.clients, destinations))(
      "OUT-E1 $name to $destination.name: own members only where they may go",
      async ({ client, destination }) => {
        const turn = destinations.indexOf(destination);
        const shape = client.shapes[turn % client.shapes.length] ?? client.shapes[0];
        const forms = turn < 2 || shape === undefined ? formsOf(client.shapes) : [formOf(shape, contents.mixed)];
        expect(await check(world, setUp, trusting, client, destination, forms)).toEqual([]);
      },
    );

    test.each(plan(wary.clients, destinations.slice(0, 2)))(
      "OUT-E2 $name to $destination.name: nothing of a stranger's own members",
      async ({ client, destination }) => {
        const forms = client.shapes.map((shape) => formOf(shape, FORWARDED));
        expect(await check(world, setUp, wary, client, destination, forms)).toEqual([]);
      },
    );

    test.each(mangles ? [trusting] : [])(
      "OUT-E4 of the headers in an array that OpenTelemetry mangles none is baggage with own members",
      async (stage) => {
        const lines: string[] = [];
        for (const client of stage.clients.filter(({ arrays }) => arrays)) {
          const shape = client.shapes[0] ?? shapes.pairs;
          const { headers } = formOf(shape, contents.mixed);
          const [hop] = await observe(world, stage, () => client.send(destinations[1]?.url ?? "", headers));
          lines.push(...headerValues(hop?.lines ?? [], "baggage"));
        }
        expect(new Set(lines)).toEqual(new Set([FOREIGN]));
      },
    );

    test("OUT-E3 a stranger's own members give no variant", async () => {
      let seen: unknown = "not asked";
      await observe(world, wary, async () => {
        const { assignments, attributes } = wary.experiments.current();
        seen = [assignments, attributes];
      });
      expect(seen).toEqual([[], { "experiment.variant": "none" }]);
    });
  });
}
