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
import { enable } from "../../support/client-instrumentations.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { type Network, startNetwork } from "../../support/network.ts";
import { setGlobalTracing } from "../../support/tracing.ts";
import { type Client, type HttpModules, openClients } from "./clients.ts";
import { type Destination, destinationsOf, namedDestinations, someDestinationsOf } from "./destinations.ts";
import { type Content, contents, formOf, formsOf, type HeaderForm, shapes } from "./header-forms.ts";
import type { SetUp } from "./set-ups.ts";

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const FOREIGN = "tenant=7;ttl=3";
/** What a stranger may try, and what OpenTelemetry makes of it when it is not stopped. */
const EVIL = "experiment%2Echeckout.variant=EVIL,%65xperiment.search.variant=EVIL";
const STRANGERS = `${FOREIGN},${OWN},${EVIL}`;
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

async function startWorld({ before, after, outgoing }: SetUp): Promise<World> {
  const exporter = before.length + after.length === 0 ? undefined : setGlobalTracing().exporter;
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

/** One client and one destination, and the forms of headers in which the request is made. */
interface Case {
  readonly client: Client;
  readonly destination: Destination;
  readonly forms: readonly HeaderForm[];
}

/** Makes the requests of a case. For each fault it names the client, the destination and the form. */
async function check(world: World, setUp: SetUp, side: Side, one: Case): Promise<readonly string[]> {
  const { client, destination } = one;
  const faults: string[] = [];
  for (const form of one.forms) {
    const found = await faultsOfForm(world, setUp, side, one, form);
    faults.push(...found.map((fault) => `${client.name} → ${destination.name}, ${form.name}: ${fault}`));
  }
  return faults;
}

async function faultsOfForm(
  world: World,
  setUp: SetUp,
  side: Side,
  { client, destination }: Case,
  form: HeaderForm,
): Promise<readonly string[]> {
  const instrumented = [...setUp.before, ...setUp.after].includes(client.over);
  const faults: string[] = [];
  const send = (): Promise<unknown> =>
    client.send(destination.url, form.headers).catch((error) => faults.push(`the request failed: ${String(error)}`));
  const hops = await observe(world, side, send);
  if (hops.length !== destination.hops.length) faults.push(`${hops.length} requests arrived`);
  for (const [i, hop] of hops.entries()) {
    // instrumentation-http overwrites the caller's baggage, before anybody can see it, or is overwritten.
    const replaces = instrumented && client.over === "http";
    const callers = replaces && !client.late ? "" : form.kept;
    const added = instrumented && !(replaces && client.late && form.writes) ? FOREIGN : "";
    const writes =
      side === world.trusting && passesOn(setUp, client, destination, i) && isAllowed(client, destination, i);
    // What the caller and OpenTelemetry both have stands there once.
    const parts = new Set([callers, added, writes ? OWN : ""]);
    faults.push(...faultsOf(hop, [...parts].filter((part) => part !== "").join(",")));
  }
  return [...faults, ...tunnelFaults(world.network)];
}

/** Whether a client passes variants on with its n-th hop, where they may go. */
function passesOn({ outgoing }: SetUp, client: Client, { hops }: Destination, hop: number): boolean {
  if (client.blind || client.blockMade) return false;
  const isHidden = client.hidesHops && hop > 0;
  // The headers of a wrapped client show whose its hops are, if the first one may have own members.
  return client.wrapped ? !isHidden || hops[0] === true : outgoing && !isHidden;
}

/** Whether the n-th hop may have own members, as the client shows where it goes. */
function isAllowed({ wholeUrl }: Client, { url, hops }: Destination, hop: number): boolean {
  return hops[hop] === true && !(wholeUrl && new URL(url).username !== "");
}

/** What a service forwards that hands its caller's header on. */
const FORWARDED: Content = { name: "a stranger's header", lines: [STRANGERS], kept: [FOREIGN] };

/**
 * Defines the tests of one set-up: each client against each destination that it can ask for, and the first two
 * destinations, one that is named and one that is not, in each form of headers. A client that the set-up does not concern
 * asks for these two alone, with one content in each shape. The clients of one library and the destinations of one kind
 * are one test, which reports every fault of them.
 */
export async function defineStop(setUp: SetUp): Promise<void> {
  const world = await startWorld(setUp);
  const { trusting, wary, network } = world;
  const instrumented = [...setUp.before, ...setUp.after];
  const mangles = instrumented.includes("http");
  // What goes past the instrumentations is as it is without them, and a wrapped client as it is among others.
  const concerns = ({ over, wrapped }: Client): boolean =>
    (instrumented.length === 0 || instrumented.includes(over)) && !(wrapped && setUp.outgoing);
  const destinations = instrumented.length === 0 ? destinationsOf(network) : someDestinationsOf(network);
  const plan = (
    clients: readonly Client[],
    some: readonly Destination[],
    forms: (client: Client, turn: number) => readonly HeaderForm[],
  ): readonly Case[] =>
    clients
      .filter(({ arrays }) => !(arrays && mangles))
      .flatMap((client) =>
        [...some.entries()]
          .filter(([turn, { suits }]) => suits(client) && (turn < 2 || concerns(client)))
          .map(([turn, destination]) => ({ client, destination, forms: forms(client, turn) })),
      );
  const trustingCases = plan(trusting.clients, destinations, (client, turn) => {
    const shape = client.shapes[turn % client.shapes.length] ?? client.shapes[0];
    if (turn < 2 && !concerns(client)) return client.shapes.map((each) => formOf(each, contents.mixed));
    return turn < 2 || shape === undefined ? formsOf(client.shapes) : [formOf(shape, contents.mixed)];
  });
  const waryCases = plan(wary.clients, destinations.slice(0, 2), (client) =>
    client.shapes.map((shape) => formOf(shape, FORWARDED)),
  );
  const faultsOfAll = async (side: Side, cases: readonly Case[]): Promise<readonly string[]> => {
    const faults: string[] = [];
    for (const one of cases) if (one.destination.isReachable) faults.push(...(await check(world, setUp, side, one)));
    return faults;
  };

  afterAll(() => world.close());

  describe(`what leaves with ${setUp.name}`, () => {
    test("OUT-E5 each client and each destination is tested: as many pairs as the set-up says", () => {
      expect({ trusting: trustingCases.length, wary: waryCases.length }).toEqual(setUp.cases);
      expect([...trustingCases, ...waryCases].filter(({ forms }) => forms.length === 0)).toEqual([]);
    });

    test.each(grouped(trustingCases, ({ client, destination }) => `${client.library} to ${destination.kind}`))(
      "OUT-E1 $group: own members only where they may go, pairs of client and destination: $cases.length",
      async ({ cases }) => {
        expect(await faultsOfAll(trusting, cases)).toEqual([]);
      },
    );

    test.each(grouped(waryCases, ({ client }) => client.library))(
      "OUT-E2 $group: nothing of a stranger's own members, pairs of client and destination: $cases.length",
      async ({ cases }) => {
        expect(await faultsOfAll(wary, cases)).toEqual([]);
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

/** Each case is in one group, so that none is lost. */
function grouped(
  cases: readonly Case[],
  groupOf: (one: Case) => string,
): readonly { readonly group: string; readonly cases: readonly Case[] }[] {
  return [...Map.groupBy(cases, groupOf)].map(([group, members]) => ({ group, cases: members }));
}
