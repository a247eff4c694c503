import diagnosticsChannel from "node:diagnostics_channel";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { experimentFetch } from "otel-experiments/fetch";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });
const created = diagnosticsChannel.channel("undici:request:create");
const httpCreated = diagnosticsChannel.channel("http.client.request.created");

const thrown: unknown[] = [];
const note = (error: unknown): void => void thrown.push(error);
process.on("uncaughtException", note);

afterEach(() => allowed.clear());

afterAll(async () => {
  process.off("uncaughtException", note);
  diag.disable();
  await close();
  await allowed.close();
});

/** Lets what a channel throws come up; it does so in a later turn. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

const messages: readonly unknown[] = [
  undefined,
  null,
  {},
  { request: undefined },
  { request: {} },
  { request: { headers: null, path: "/", method: "GET", origin: "x" } },
  { request: { headers: [undefined, null, 1, 2, "baggage"], path: "/", method: "GET", origin: "x" } },
  { request: { headers: ["baggage", "a=1"], path: undefined, method: "GET", origin: "x" } },
  { request: { headers: ["baggage", {}], path: "/", method: undefined, origin: undefined } },
  { request: Object.freeze({ headers: Object.freeze(["baggage", "a=1"]), path: "/", method: "GET", origin: "x" }) },
  {
    request: new Proxy(
      {},
      {
        get: () => {
          throw new Error("hostile");
        },
      },
    ),
  },
  { request: { headersSent: true, _header: null, path: "/", method: "GET", protocol: "http:" } },
  { request: { headersSent: true, _header: "baggage: a=1\r\n\r\n", path: "::", method: "GET", protocol: "http:" } },
  { request: { headersSent: false, getHeader: () => ["a=1"], path: "", method: "GET", protocol: "" } },
];

function quiet(): void {
  // What is of no interest here.
}

describe("a message on a channel that is not what it should be", () => {
  test("OUT-X1 does not end the process, is told to diag once, and other requests go on", async () => {
    const said: unknown[] = [];
    const warn = (...words: readonly unknown[]): void => {
      said.push(words[0]);
      throw new Error("a logger that is broken too");
    };
    diag.setLogger({ error: quiet, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
    for (const message of messages) {
      created.publish(message);
      httpCreated.publish(message);
    }
    await turns();
    await serve(own("express"), () => experimentFetch(experiments)(allowed.origin));
    expect(thrown).toEqual([]);
    expect(said).toEqual([expect.stringMatching(/^otel-experiments: an outgoing request could not be checked/)]);
    expect(arrivals(allowed)).toEqual([[own("express")]]);
  });
});

/** A request of undici 5, whose headers are one text. */
function textual(headers: string, origin = "http://elsewhere.test"): { headers: string } & Record<string, unknown> {
  return { headers, origin, path: "/", method: "GET", addHeader: () => undefined };
}

describe("headers that are one text, as undici 5 has them", () => {
  test("OUT-X2 own members and tickets are taken out of it, and the others stay", () => {
    const request = textual(
      `x-one: 1\r\nBaggage: user=1,${own("stale")}\r\nOtel-Experiments-Ticket: x\r\nx-baggage: ${own("kept")}\r\nbaggage:last=2\r\n`,
    );
    created.publish({ request });
    expect(request.headers).toBe(`x-one: 1\r\nx-baggage: ${own("kept")}\r\nbaggage: user=1,last=2\r\n`);
  });

  test("OUT-X3 what is added behind us is merged into the one line", () => {
    const request = textual("x-one: 1\r\nbaggage: user=1\r\n");
    created.publish({ request });
    // why: `textual` makes it
    Reflect.apply(request["addHeader"] as () => void, request, ["baggage", `tenant=7,${own("stale")}`]);
    expect(request.headers).toBe("x-one: 1\r\nbaggage: user=1,tenant=7\r\n");
  });

  test("OUT-X4 without anything of ours it stays as it is", () => {
    const headers = "x-one: 1\r\nx-two: baggage: 2\r\n";
    const request = textual(headers);
    created.publish({ request });
    expect(request.headers).toBe(headers);
  });
});

function add(value: string): (message: unknown) => void {
  return (message) => {
    // why: the channel's contract
    const { request } = message as { request: { addHeader(name: string, value: string): unknown } };
    request.addHeader("Baggage", value);
    request.addHeader("x-added", "1");
  };
}

describe("others that add headers on the channel", () => {
  test.each(undiciMajors)(
    "OUT-X20 $name: what would end the header and begin another is left out",
    async ({ undici }) => {
      const agent = new undici.Agent();
      // Written as one byte each, the last two are a line's end.
      const values = ["a=1,b=2;p=1\r\nx-evil: 1,c=3", "d=4;p=\0", "e=5;p=\u010d\u010ax-evil: 1"];
      for (const headers of [{ baggage: "user=1" }, {}]) {
        for (const adder of values.map(add)) {
          created.subscribe(adder);
          await (await undici.request(allowed.origin, { dispatcher: agent, headers })).body.dump();
          created.unsubscribe(adder);
        }
      }
      await agent.close();
      expect(arrivals(allowed)).toEqual([["user=1,a=1,c=3"], ["user=1"], ["user=1"], ["a=1,c=3"], [], []]);
      expect(allowed.requests.flatMap(({ lines }) => lines).filter((line) => line.includes("evil"))).toEqual([]);
    },
  );

  test.each(undiciMajors)(
    "OUT-X5 $name: whatever baggage is added behind us, once or twice, there is one line",
    async (major) => {
      const { undici } = major;
      const adders = [add("a=1"), add(`b=2,${own("stale")}`), add("a=1"), add("c=3;p")];
      const agent = new undici.Agent();
      for (const adder of adders) created.subscribe(adder);
      await (await undici.request(allowed.origin, { dispatcher: agent, headers: { baggage: "user=1" } })).body.dump();
      for (const adder of adders) created.unsubscribe(adder);
      await agent.close();
      expect(arrivals(allowed)).toEqual([["user=1,a=1,b=2,c=3;p"]]);
      const added = allowed.requests.flatMap(({ lines }) => lines.filter((line) => line === "x-added: 1"));
      expect(added).toHaveLength(adders.length);
    },
  );
});
