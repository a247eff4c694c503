import { once } from "node:events";
import { createServer } from "node:http";
import net from "node:net";
import { metrics } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { text } from "otel-experiments/fields";
import { nodeExperiments } from "otel-experiments/node";
import { acceptOverrides } from "otel-experiments/override";
import { afterAll, expect, test } from "vitest";
import { WireReader } from "../../testing/wire/http-bytes.ts";
import { REDESIGN } from "../support/experiments.ts";
import { startListening } from "../support/listening.ts";
import { startPoints } from "../support/points.ts";
import { startTracing } from "../support/tracing.ts";

// What a stranger writes into a header may not hold up the process: the time grows no faster than the header. It is
// measured as the processor time of the process, which a busy machine changes least.

const SECRET = "0123456789abcdef0123456789abcdef";
const tracing = startTracing([]);
startPoints();

const experiments = createExperiments({
  experiments: REDESIGN,
  fields: { theme: text({ pattern: /[a-z]+-\d+/ }) },
  trustInbound: ["127.0.0.1"],
  trustProxied: true,
  store: cookieStore({ secrets: SECRET }),
  overrides: acceptOverrides({
    secrets: SECRET,
    audience: "test",
    from: { header: "x-experiment-override", cookie: "override", query: "override" },
  }),
});
const listener = nodeExperiments(
  experiments,
  async (request, response) => {
    await experiments.assign("checkout", "subject");
    experiments.inject({ baggage: request.headers["baggage"] }, { to: "queue:orders" });
    response.end("ok");
  },
  { serverSpan: "create" },
);
const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => void listener(request, response));
const port = await startListening(server, "127.0.0.1");

afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await experiments.close();
  metrics.disable();
  await tracing.stop();
});

/** Parts of a request that are read, with what may stand before the filling. */
const PLACES = [
  ["baggage", "", "k=", "experiment.checkout.variant=", "theme="],
  ["forwarded", "", "for=", 'for="', "proto=https;host="],
  ["x-forwarded-for", "", "["],
  ["x-forwarded-host", "", "a:"],
  ["x-forwarded-proto", ""],
  ["x-real-ip", ""],
  ["via", ""],
  ["cookie", "", "override=", "override=v1.", "experiments=", 'experiments="a'],
  ["traceparent", "00-"],
  ["tracestate", "", "a="],
  ["host", "", "["],
  ["user-agent", ""],
  ["x-experiment-override", "", "v1.", "v1.a."],
  ["otel-experiments-test", ""],
  ["otel-experiments-ticket", ""],
  ["path", "/", "/?override=", "/?override=v1.", "/?", "http://a", "/#"],
] as const;

/** What is repeated, and what stands at the end, so that a match fails there. */
const FILLINGS = [
  [" ", '"'],
  ["\t", "x"],
  ["a", "!"],
  ["a=", '"'],
  [";", "="],
  [",", "="],
  ["=", ""],
  ["%", ""],
  ["%25", "65"],
  ["+", "experiment.a.variant=1"],
  ["\\", '"'],
  ['"', ""],
  ["0", "."],
  ["a.", "!"],
  ["a:", "]"],
  ["/", "?"],
  ["#", "?"],
  ["&a=", ""],
  ["experiment.", ""],
  ["a ; b = c ,", "%"],
  ["\u00a0", "="],
] as const;

function fill(before: string, [piece, end]: (typeof FILLINGS)[number], bytes: number): string {
  const room = bytes - before.length - end.length;
  return before + piece.repeat(Math.floor(room / piece.length)) + end;
}

const BATCH = 2;

function requestWith(place: string, value: string): Buffer {
  // A target holds no space, so there the filling is one without.
  const target = place === "path" ? value.replaceAll(/[\s\u00a0]/g, "_") : "/";
  const lines = place === "path" ? [] : [`${place}: ${value}`];
  const host = place === "host" ? [] : ["host: 127.0.0.1"];
  return Buffer.from([`GET ${target} HTTP/1.1`, ...host, ...lines, "connection: close", "", ""].join("\r\n"), "latin1");
}

async function exchange(request: Buffer): Promise<number> {
  const socket = net.connect({ port, host: "127.0.0.1" });
  const reader = new WireReader();
  socket.end(request);
  for (;;) {
    // why: a socket without an encoding emits Buffers
    const [chunk] = (await once(socket, "data")) as [Buffer];
    const [message] = reader.push(chunk);
    if (message === undefined) continue;
    socket.destroy();
    return Number(message.start.split(" ")[1]);
  }
}

/** Microseconds of processor time that a batch of requests takes, their sender's too. */
async function costOf(request: Buffer): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < BATCH; i++) expect(await exchange(request)).not.toBe(500);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Below this much the measure says more of itself than of the code. */
const LEAST = 2000;

const cases = PLACES.flatMap(([place, ...starts]) => starts.map((start) => [place, start] as const));

test.each(cases)(
  "HDR-01 %s, which begins with %j, takes time that grows with its length only",
  async (place, start) => {
    const slow: string[] = [];
    for (const filling of FILLINGS) {
      const [short, long] = [4, 16].map((kilobytes) => requestWith(place, fill(start, filling, kilobytes * 1024)));
      if (short === undefined || long === undefined) throw new Error("there are two lengths");
      let [few, many] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      // Each counts at its best: what disturbs only adds to it.
      const isSlow = (): boolean => many / Math.max(few, LEAST) > 6 || many / BATCH > 20_000;
      for (let round = 0; round < 1 || (round < 8 && isSlow()); round++) {
        few = Math.min(few, await costOf(short));
        many = Math.min(many, await costOf(long));
      }
      if (isSlow()) slow.push(`${JSON.stringify(filling)}: ${few} µs for 4 kB, ${many} µs for 16 kB`);
    }
    expect(slow).toEqual([]);
  },
);
