import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { nodeExperiments } from "../adapters/inbound/node.ts";
import { createExperiments, type Experiments, type ExperimentsHandle } from "../src/index.ts";
import { headerValues, WireConnection } from "./wire-client.ts";
import { startWireServer, type WireAnswer, type WireServer } from "./wire-server.ts";

/** One request as a case makes it, whichever the client. */
export interface OutboundRequest {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What becomes of a redirect, where the client follows them at all. Default: `"follow"`. */
  readonly redirect?: "follow" | "manual";
}

/** The answer to one, read to its end. */
export interface OutboundAnswer {
  readonly status: number;
  readonly body: string;
}

/** A client that passes variants on. */
export interface OutboundClient {
  /** Rejects with the client's own error where there is no answer. */
  request(url: string, request?: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** One client with its adapter. */
export interface OutboundHarness {
  readonly name: string;
  /** The cases that cannot hold here, by id, each with its reason. */
  readonly lacks?: Readonly<Record<string, string>>;
  create(experiments: ExperimentsHandle): OutboundClient;
}

/** One thing that every outbound adapter must do. */
export interface OutboundCase {
  readonly id: string;
  readonly title: string;
  /** @throws AssertionError, or what the harness throws */
  run(harness: OutboundHarness): Promise<void>;
}

/** A case that hangs has failed. */
const CASE_DEADLINE_MS = 20_000;

/**
 * Runs one case on one harness. A case that the harness lacks has to fail, since a reason that no longer holds would
 * hide that it fails again.
 *
 * @throws AssertionError where the case fails, or where it passes although the harness names a reason
 */
export async function checkOutboundCase(outboundCase: OutboundCase, harness: OutboundHarness): Promise<void> {
  const { id } = outboundCase;
  const reason = harness.lacks?.[id];
  if (reason === undefined) return within(CASE_DEADLINE_MS, outboundCase.run(harness));
  assert.notEqual(reason.trim(), "", `${harness.name} lacks ${id} without a reason`);
  const passes = await within(CASE_DEADLINE_MS, outboundCase.run(harness)).then(
    () => true,
    () => false,
  );
  assert.equal(passes, false, `${harness.name} passes ${id}; take it out of what it lacks: "${reason}"`);
}

/** @throws AssertionError where the harness lacks what is no case */
export function checkOutboundLacks(harness: OutboundHarness): void {
  const known = new Set(outboundContract.map(({ id }) => id));
  const unknown = Object.keys(harness.lacks ?? {}).filter((id) => !known.has(id));
  assert.deepEqual(unknown, [], `${harness.name} lacks cases that there are none of`);
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: "the case hangs" })), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** A service in whose requests functions can be run. */
export interface ScopedService {
  /** Sends the service a request with these header lines, runs `fn` while it is served, and gives its result. */
  serve<T>(lines: readonly string[], fn: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Starts a service on a free port of loopback. `listen` wraps what it does with the adapter under test; `createServer`
 * can be that of a `node:http` which OpenTelemetry has patched.
 */
export async function startScopedService(
  listen: (listener: RequestListener) => RequestListener,
  createServer: typeof http.createServer = http.createServer,
): Promise<ScopedService> {
  const jobs = new Map<string, () => Promise<void>>();
  const idle: WireConnection[] = [];
  const server = createServer(
    listen((request, response) => {
      const job = jobs.get(request.url ?? "");
      jobs.delete(request.url ?? "");
      void Promise.resolve(job?.()).then(() => response.end());
    }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  let served = 0;
  return {
    async serve<T>(lines: readonly string[], fn: () => Promise<T>) {
      const path = `/${++served}`;
      const done = Promise.withResolvers<T>();
      // What `fn` throws is the caller's to see, and not the server's.
      done.promise.catch(() => undefined);
      jobs.set(path, async () => {
        try {
          done.resolve(await fn());
        } catch (error) {
          done.reject(error);
        }
      });
      const connection = idle.pop() ?? (await WireConnection.open(port));
      await connection.send({ path, lines });
      idle.push(connection);
      return done.promise;
    },
    async close() {
      for (const connection of idle) connection.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const REGISTRY = {
  checkout: { id: "checkout_1", variants: ["control", "express", "single_page"] },
  search: { id: "search_1", variants: ["bm25", "semantic"] },
} as const;

const CHECKOUT = own("express");
const SEARCH = "experiment.search.variant=semantic,experiment.search.id=search_1";
const TICKET = "otel-experiments-ticket";

function own(variant: string): string {
  return `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`;
}

/** What a case has to play with. */
interface Stage {
  /** `propagateTo` names its origin. */
  readonly allowed: WireServer;
  /** Nothing names this one. */
  readonly denied: WireServer;
  readonly experiments: Experiments<typeof REGISTRY>;
  readonly client: OutboundClient;
  /** Runs a function in a request that comes with this baggage. */
  serve<T>(baggage: string | undefined, fn: () => Promise<T>): Promise<T>;
}

interface StageOptions {
  readonly trustInbound?: boolean;
}

async function onStage(
  harness: OutboundHarness,
  play: (stage: Stage) => Promise<void>,
  { trustInbound = true }: StageOptions = {},
): Promise<void> {
  const flaky = new Set<string>();
  const allowed = await startWireServer((request) => answer(request.start, flaky));
  const denied = await startWireServer((request) => answer(request.start, flaky));
  const experiments = createExperiments({
    experiments: REGISTRY,
    primary: "checkout",
    trustInbound,
    propagateTo: [allowed.origin],
    strict: false,
  });
  const service = await startScopedService((listener) => nodeExperiments(experiments, listener));
  const client = harness.create(experiments);
  try {
    await play({
      allowed,
      denied,
      experiments,
      client,
      serve: (baggage, fn) => service.serve(baggage === undefined ? [] : [`baggage: ${baggage}`], fn),
    });
  } finally {
    await client.close();
    await service.close();
    await experiments.close();
    await allowed.close();
    await denied.close();
  }
}

/** Paths say what is answered: `/go/302/URL` redirects, `/flaky/…` is unavailable the first time, the rest is fine. */
function answer(start: string, flaky: Set<string>): WireAnswer | Promise<WireAnswer> {
  const path = start.split(" ")[1] ?? "";
  const [, kind = "", status = "", target = ""] = path.split("/");
  if (kind === "go") {
    const redirect = { status: Number(status), lines: [`location: ${decodeURIComponent(target)}`] };
    return new Promise((resolve) => setImmediate(resolve, redirect));
  }
  if (kind === "flaky" && !flaky.has(path)) {
    flaky.add(path);
    return { status: 503, lines: ["retry-after: 0"] };
  }
  return { body: `answer to ${path}` };
}

function go(status: number, from: WireServer, target: string): string {
  return `${from.origin}/go/${status}/${encodeURIComponent(target)}`;
}

/** The one `baggage` line of each request that arrived, `""` where it had none. */
function arrived(server: WireServer): readonly string[] {
  return server.requests.map(({ start, lines }) => {
    const baggage = headerValues(lines, "baggage");
    assert.ok(baggage.length <= 1, `${start} has ${baggage.length} baggage lines: ${baggage.join(" | ")}`);
    const tickets = lines.filter((line) => line.toLowerCase().includes(TICKET));
    assert.deepEqual(tickets, [], `${start} shows a ticket`);
    const [line = ""] = baggage;
    const keys = line.split(",").flatMap((member) => member.split("=")[0]?.trim() ?? []);
    const ownKeys = keys.filter((key) => key.startsWith("experiment."));
    assert.equal(new Set(ownKeys).size, ownKeys.length, `${start} repeats an own key: ${line}`);
    return line;
  });
}

/** What each of the tasks needs at once, so that connections are shared and queued for. */
const AT_ONCE = 36;

const VARIANTS = ["control", "express", "single_page"] as const;

/** Makes many requests at once, each in a scope of its own, and says which arrived with another variant. */
async function interleave(stage: Stage, urlOf: (name: string) => string): Promise<void> {
  const { client, serve } = stage;
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, i) => {
      const variant = VARIANTS[i % VARIANTS.length] ?? "control";
      return serve(own(variant), () => client.request(urlOf(`${variant}-${i}`)));
    }),
  );
}

function foreignTo(server: WireServer): readonly string[] {
  const lines = arrived(server);
  return server.requests.flatMap(({ start }, i) => {
    const variant = /(control|express|single_page)-\d+/.exec(start)?.[1] ?? "";
    return lines[i] === own(variant) ? [] : [`${start}: ${lines[i]}`];
  });
}

/** The contract of outbound adapters. A third party's runs them by `checkOutboundCase`. */
export const outboundContract: readonly OutboundCase[] = [
  {
    id: "OUT-01",
    title: "sends the request's variant to a destination that is named, in one line",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`));
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
  {
    id: "OUT-02",
    title: "sends nothing to a destination that is not named",
    run: (harness) =>
      onStage(harness, async ({ denied, client, serve }) => {
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`));
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
  {
    id: "OUT-03",
    title: "makes the request as it is outside of requests",
    run: (harness) =>
      onStage(harness, async ({ allowed, client }) => {
        const { status, body } = await client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } });
        assert.deepEqual([status, body], [200, "answer to /x"]);
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
  {
    id: "OUT-04",
    title: "makes the request as it is where its scope has no variant",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } }));
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
  {
    id: "OUT-05",
    title: "keeps the caller's own baggage byte for byte, in front",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = "user = 1 ;p=2;q ,  other=a%20b;x , broken, user=2";
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        assert.deepEqual(arrived(allowed), [`${baggage},${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-06",
    title: "puts the scope's members in the place of own ones that the caller wrote",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = `user=1,${own("control")},experiment.search.variant=bm25,%65xperiment.a.id=1`;
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-07",
    title: "takes own members that the caller wrote off, percent-encoded ones too, and leaves the others",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const baggage = "user=1 ,experiment%2Echeckout.variant=x, experiment.checkout.id=1 ,last=2";
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`, { headers: { baggage } }));
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers: { baggage } }));
        await client.request(`${allowed.origin}/x`, { headers: { baggage: own("control") } });
        assert.deepEqual(arrived(denied), ["user=1 ,last=2"]);
        assert.deepEqual(arrived(allowed), ["user=1 ,last=2", ""]);
      }),
  },
  {
    id: "OUT-08",
    title: "leaves method, body and the other headers as they are",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const request = { method: "POST", headers: { "x-one": "a, b", "content-type": "text/plain" }, body: "ünïcode" };
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x?y=1&z=%20`, request));
        const [{ start, lines, body } = { start: "", lines: [], body: "" }] = allowed.requests;
        assert.equal(start, "POST /x?y=1&z=%20 HTTP/1.1");
        assert.deepEqual(headerValues(lines, "x-one"), ["a, b"]);
        assert.deepEqual(headerValues(lines, "content-type"), ["text/plain"]);
        assert.equal(Buffer.from(body, "latin1").toString("utf8"), "ünïcode");
      }),
  },
  {
    id: "OUT-09",
    title: "does not change the caller's headers",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const headers = Object.freeze({ baggage: "user=1", "x-one": "1" });
        const request = Object.freeze({ headers });
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, request));
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, request));
        assert.deepEqual(request, { headers: { baggage: "user=1", "x-one": "1" } });
        assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`, `user=1,${CHECKOUT}`]);
      }),
  },
  {
    id: "OUT-10",
    title: "gives the answer and the error of the client that it wraps",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const found = await serve(CHECKOUT, () => client.request(`${allowed.origin}/found`));
        assert.deepEqual(found, { status: 200, body: "answer to /found" });
        const gone = await startWireServer();
        await gone.close();
        await assert.rejects(
          serve(CHECKOUT, () => client.request(`${gone.origin}/x`)),
          (error) => error instanceof Error && codeOf(error) === "ECONNREFUSED",
        );
      }),
  },
  ...[301, 302, 303, 307, 308].map(
    (status, i): OutboundCase => ({
      id: `OUT-${11 + i}`,
      title: `takes the variant off where a redirect (${status}) leaves for what is not named`,
      run: (harness) =>
        onStage(harness, async ({ allowed, denied, client, serve }) => {
          const request = { method: "PUT", headers: { baggage: "user=1" }, body: "body" };
          await serve(CHECKOUT, () => client.request(go(status, allowed, `${denied.origin}/end`), request));
          assert.deepEqual(arrived(allowed), [`user=1,${CHECKOUT}`]);
          assert.deepEqual(arrived(denied), ["user=1"]);
          // Clients make a GET of it after 303, and some after 301 and 302.
          if (status >= 307) assert.equal(denied.requests[0]?.body, "body");
        }),
    }),
  ),
  {
    id: "OUT-16",
    title: "puts the variant on where a redirect comes to what is named",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        await serve(CHECKOUT, () => client.request(go(302, denied, `${allowed.origin}/end`)));
        assert.deepEqual(arrived(denied), [""]);
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
  {
    id: "OUT-17",
    title: "judges each hop of several by itself",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const back = go(307, denied, `${allowed.origin}/end`);
        await serve(CHECKOUT, () => client.request(go(308, allowed, back)));
        assert.deepEqual(arrived(allowed), [CHECKOUT, CHECKOUT]);
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
  {
    id: "OUT-18",
    title: "gives a redirect back as it is where that is asked for",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const url = go(302, allowed, `${denied.origin}/end`);
        const { status } = await serve(CHECKOUT, () => client.request(url, { redirect: "manual" }));
        assert.equal(status, 302);
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
        assert.deepEqual(arrived(denied), []);
      }),
  },
  {
    id: "OUT-19",
    title: "takes another name of the same server, another port and a name in front of @ for other destinations",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const named = new URL(allowed.origin);
        const lookAlike = `http://127.0.0.1%3A${named.port}@localhost:${denied.port}/x`;
        await serve(CHECKOUT, async () => {
          await client.request(`http://localhost:${named.port}/x`);
          await client.request(`${denied.origin}/x?${allowed.origin}#${allowed.origin}`);
          // fetch refuses a URL with credentials; whoever does not must still see whose server it is.
          await client.request(lookAlike).catch(() => undefined);
        });
        assert.deepEqual(arrived(allowed), [""]);
        assert.ok(denied.requests.length >= 1);
        assert.ok(arrived(denied).every((line) => line === ""));
      }),
  },
  {
    id: "OUT-20",
    title: "sends each of many requests at once its own variant",
    run: (harness) =>
      onStage(harness, async (stage) => {
        await interleave(stage, (name) => `${stage.allowed.origin}/${name}`);
        assert.equal(stage.allowed.requests.length, AT_ONCE);
        assert.deepEqual(foreignTo(stage.allowed), []);
      }),
  },
  {
    id: "OUT-21",
    title: "sends each of many requests at once its own variant, on the second hop too",
    run: (harness) =>
      onStage(harness, async (stage) => {
        const { allowed } = stage;
        await interleave(stage, (name) => go(307, allowed, `${allowed.origin}/${name}`));
        assert.equal(allowed.requests.length, 2 * AT_ONCE);
        assert.deepEqual(foreignTo(allowed), []);
      }),
  },
  {
    id: "OUT-22",
    title: "sends each of many requests at once its own variant, in the second attempt too",
    run: (harness) =>
      onStage(harness, async (stage) => {
        await interleave(stage, (name) => `${stage.allowed.origin}/flaky/${name}`);
        assert.equal(stage.allowed.requests.length, 2 * AT_ONCE);
        assert.deepEqual(foreignTo(stage.allowed), []);
      }),
  },
  {
    id: "OUT-23",
    title: "sends all experiments of a request, the primary one first, and what is forced as forced",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const baggage = `${SEARCH},experiment.search.forced=1,${CHECKOUT}`;
        await serve(baggage, () => client.request(`${allowed.origin}/x`));
        assert.deepEqual(arrived(allowed), [`${CHECKOUT},${SEARCH},experiment.search.forced=1`]);
      }),
  },
  {
    id: "OUT-24",
    title: "sends what is recorded during the request from then on",
    run: (harness) =>
      onStage(harness, async ({ allowed, experiments, client, serve }) => {
        await serve(undefined, async () => {
          await client.request(`${allowed.origin}/before`);
          experiments.record("checkout", "express");
          await client.request(`${allowed.origin}/after`);
          experiments.record("search", "semantic");
          await client.request(`${allowed.origin}/last`);
        });
        assert.deepEqual(arrived(allowed), ["", CHECKOUT, `${CHECKOUT},${SEARCH}`]);
      }),
  },
  {
    id: "OUT-25",
    title: "sends the variant also after the response has ended",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const released = Promise.withResolvers<void>();
        const late = await serve(CHECKOUT, async () => ({
          done: released.promise.then(() => client.request(`${allowed.origin}/late`)),
        }));
        released.resolve();
        await late.done;
        assert.deepEqual(arrived(allowed), [CHECKOUT]);
      }),
  },
  {
    id: "OUT-26",
    title: "sends nothing of a stranger's own members, encoded or not, wherever they are forwarded",
    run: (harness) =>
      onStage(
        harness,
        async ({ allowed, denied, experiments, client, serve }) => {
          const baggage = `user=1,${CHECKOUT},experiment%2Echeckout%2Evariant=control`;
          await serve(baggage, async () => {
            assert.equal(experiments.variant("checkout"), undefined);
            await client.request(`${allowed.origin}/x`, { headers: { baggage } });
            await client.request(`${denied.origin}/x`, { headers: { baggage } });
          });
          assert.deepEqual(arrived(allowed), ["user=1"]);
          assert.deepEqual(arrived(denied), ["user=1"]);
        },
        { trustInbound: false },
      ),
  },
  {
    id: "OUT-27",
    title: "lets nobody send a ticket",
    run: (harness) =>
      onStage(harness, async ({ allowed, denied, client, serve }) => {
        const headers = { [TICKET]: "c0ffee00-0000-4000-8000-000000000000, anything" };
        await client.request(`${allowed.origin}/x`, { headers });
        await serve(undefined, () => client.request(`${allowed.origin}/x`, { headers }));
        await serve(CHECKOUT, () => client.request(`${allowed.origin}/x`, { headers }));
        await serve(CHECKOUT, () => client.request(`${denied.origin}/x`, { headers }));
        assert.deepEqual(arrived(allowed), ["", "", CHECKOUT]);
        assert.deepEqual(arrived(denied), [""]);
      }),
  },
  {
    id: "OUT-28",
    title: "leaves out whole experiments where the caller's baggage leaves no room, and never cuts",
    run: (harness) =>
      onStage(harness, async ({ allowed, client, serve }) => {
        const room = CHECKOUT.length + 1;
        const fits = `user=${"u".repeat(8192 - "user=".length - room)}`;
        await serve(`${SEARCH},${CHECKOUT}`, async () => {
          await client.request(`${allowed.origin}/fits`, { headers: { baggage: fits } });
          await client.request(`${allowed.origin}/not`, { headers: { baggage: `${fits}u` } });
        });
        const [first = "", second = ""] = arrived(allowed);
        assert.equal(first.length, 8192);
        assert.ok(first === `${fits},${CHECKOUT}`, "the primary experiment has the room");
        assert.ok(second === `${fits}u,${SEARCH}`, "what is left of the room does for the shorter one");
      }),
  },
  {
    id: "OUT-29",
    title: "sends nothing once the experiments are closed",
    run: (harness) =>
      onStage(harness, async ({ allowed, experiments, client, serve }) => {
        await serve(CHECKOUT, async () => {
          await experiments.close();
          await client.request(`${allowed.origin}/x`, { headers: { baggage: "user=1" } });
        });
        assert.deepEqual(arrived(allowed), ["user=1"]);
      }),
  },
];

function codeOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return "cause" in error ? codeOf(error.cause) : undefined;
}
