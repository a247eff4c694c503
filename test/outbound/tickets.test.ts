import http from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TICKET_HEADER } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startWireServer } from "../../testing/wire/server.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
let alsoAllowed: string | undefined;
const { experiments, service, serve, close } = await openStage({
  propagateTo: [allowed.origin, (url) => url.origin === alsoAllowed],
});
const fetchWithExperiments = experimentFetch(experiments);

afterEach(() => {
  alsoAllowed = undefined;
  allowed.clear();
});

afterAll(async () => {
  await close();
  await allowed.close();
});

function nothing(): void {
  // A handler's step that is of no interest.
}

function get(headers: http.OutgoingHttpHeaders | readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(allowed.origin, { headers }, (response) => response.resume().on("end", resolve)).on("error", reject);
  });
}

setFlagsFromString("--expose-gc");
// why: the flag puts a function of this name into new contexts
const collect = runInNewContext("gc") as () => void;

/** What a stranger can send for a ticket. */
const forged: readonly { readonly name: string; readonly ticket: string }[] = [
  { name: "a word", ticket: "anything" },
  { name: "an identifier", ticket: "c0ffee00-0000-4000-8000-000000000000" },
  { name: "nothing", ticket: "" },
  { name: "commas", ticket: ",," },
  { name: "a long text", ticket: "x".repeat(8000) },
  { name: "a name of objects", ticket: "__proto__" },
];

describe("a ticket that somebody forged", () => {
  test.each(forged)("OUT-K1 means nothing, and is taken off: $name", async ({ ticket }) => {
    const headers = { [TICKET_HEADER]: ticket, baggage: "user=1" };
    await fetch(allowed.origin, { headers });
    // Nor does it stand for the request that is served meanwhile.
    await serve(own("express"), () => fetch(allowed.origin, { headers }));
    await serve(own("express"), () => get(headers));
    await get({ "Otel-Experiments-TICKET": [ticket, ticket] });
    await get([TICKET_HEADER, ticket, "baggage", "user=1"]);
    for (const { undici } of undiciMajors) {
      const dispatcher = new undici.Agent();
      await (await undici.request(allowed.origin, { dispatcher, headers })).body.dump();
      await (await undici.request(allowed.origin, { dispatcher, headers: [TICKET_HEADER, ticket] })).body.dump();
      await dispatcher.close();
    }
    const undiciArrivals = undiciMajors.flatMap(() => [["user=1"], []]);
    expect(arrivals(allowed)).toEqual([["user=1"], ["user=1"], ["user=1"], [], ["user=1"], ...undiciArrivals]);
  });

  test.each(forged)("OUT-K2 does not stand in the way of the right one: $name", async ({ ticket }) => {
    const forwarded = { [TICKET_HEADER]: ticket };
    await serve(own("express"), async () => {
      await fetchWithExperiments(allowed.origin, { headers: forwarded });
      for (const { undici } of undiciMajors) {
        const dispatcher = new undici.Agent().compose(experimentInterceptor(experiments));
        for (const headers of [
          forwarded,
          Object.entries(forwarded).flat(),
          new Map(Object.entries(forwarded)).entries(),
        ]) {
          // why: undici takes iterables of pairs, which its types know by other names
          const given = headers as Record<string, string>;
          await (await undici.request(allowed.origin, { dispatcher, headers: given })).body.dump();
        }
        await dispatcher.close();
      }
    });
    expect(arrivals(allowed)).toEqual(Array.from({ length: 1 + 3 * undiciMajors.length }, () => [own("express")]));
  });

  test("OUT-K3 gives no variant to a request that is served, not even where it is a right one", async () => {
    const noted: string[] = [];
    const noting = experimentFetch(experiments, async (_input, init) => {
      noted.push(new Headers(init?.headers).get(TICKET_HEADER) ?? "none");
      return new Response();
    });
    await serve(own("express"), async () => {
      await noting(allowed.origin);
      const seen = await service.serve([`${TICKET_HEADER}: ${noted.join()}`], async () => experiments.current());
      expect(seen.assignments).toEqual([]);
    });
    expect(noted).toEqual([expect.stringMatching(/^\d+\.[\w-]{43}\.experiment\.checkout\.variant=express;/)]);
  });
});

describe("a ticket", () => {
  const ways = undiciMajors.flatMap(({ name, undici }) => [
    { name: `${name} fetch, wrapped`, undici, intercepts: false },
    { name: `${name} request, intercepted`, undici, intercepts: true },
  ]);

  test.each(ways)("OUT-K4 is good as long as its request may be made anew: $name", async ({ undici, intercepts }) => {
    const gate = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await gate.promise;
      return { status: 307, lines: [`location: ${allowed.origin}/`] };
    });
    alsoAllowed = slow.origin;
    const agent = new undici.Agent();
    const redirect = undici.interceptors.redirect({ maxRedirections: 2 });
    const dispatcher = agent.compose(redirect, experimentInterceptor(experiments));
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const inner = ((input: string, init: object) =>
      undici.fetch(input, { ...init, dispatcher: agent })) as typeof fetch;
    const wrapped = experimentFetch(experiments, inner);
    const answers: Promise<unknown>[] = [];
    await serve(own("express"), async () => {
      answers.push(intercepts ? undici.request(slow.origin, { dispatcher }) : wrapped(slow.origin));
    });
    while (slow.requests.length === 0) await new Promise(setImmediate);
    // The request that is served is over, and so is what came behind it on its connection.
    await serve(own("control"), async () => undefined);
    for (let turn = 0; turn < 5; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    gate.resolve();
    await Promise.all(answers);
    await agent.destroy();
    await slow.close();
    expect(arrivals(allowed)).toEqual([[own("express")]]);
  });

  test.each(undiciMajors.filter(({ major }) => major > 6))(
    "OUT-K7 is good also where nothing of $name holds the async context of its request",
    async ({ undici }) => {
      const gate = Promise.withResolvers<void>();
      const slow = await startWireServer(async ({ start }) => {
        if (start.includes("/slow")) await gate.promise;
        return start.includes("/slow") ? { status: 307, lines: [`location: ${allowed.origin}/`] } : {};
      });
      alsoAllowed = slow.origin;
      const agent = new undici.Agent();
      const redirect = undici.interceptors.redirect({ maxRedirections: 2 });
      const dispatcher = agent.compose(redirect, experimentInterceptor(experiments));
      // Connections that were made before are in no request's context.
      for (const { origin } of [slow, allowed]) await (await undici.request(origin, { dispatcher: agent })).body.dump();
      allowed.clear();
      const done = Promise.withResolvers<void>();
      const handler = {
        onRequestStart: nothing,
        onResponseStart: nothing,
        onResponseData: nothing,
        onResponseEnd: () => done.resolve(),
        onResponseError: (_controller: unknown, error: Error) => done.reject(error),
      };
      await serve(own("express"), async () => {
        dispatcher.dispatch({ origin: slow.origin, path: "/slow", method: "GET" }, handler);
      });
      while (slow.requests.length < 2) await new Promise(setImmediate);
      await serve(own("control"), async () => undefined);
      for (let turn = 0; turn < 5; turn++) {
        collect();
        await new Promise(setImmediate);
      }
      gate.resolve();
      await done.promise;
      await agent.destroy();
      await slow.close();
      expect(arrivals(allowed)).toEqual([[own("express")]]);
    },
  );

  test("OUT-K8 is the same for the same members, and another for others", async () => {
    const tickets: string[] = [];
    const noting: typeof fetch = async (_input, init) => {
      tickets.push(new Headers(init?.headers).get(TICKET_HEADER) ?? "none");
      return new Response();
    };
    const noted = experimentFetch(experiments, noting);
    for (const variant of ["express", "express", "control"]) {
      await serve(own(variant), async () => {
        await noted(allowed.origin);
        await noted(`${allowed.origin}/other`);
      });
    }
    expect(tickets).toHaveLength(6);
    expect(new Set(tickets.slice(0, 4)).size).toBe(1);
    expect(new Set(tickets).size).toBe(2);
  });

  test("OUT-K9 is good also if the process has made more than a thousand others since", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await gate.promise;
      return { status: 307, lines: [`location: ${allowed.origin}/`] };
    });
    const stage = await openStage({ propagateTo: [allowed.origin, slow.origin] });
    const wrapped = experimentFetch(stage.experiments);
    const answered = stage.serve(own("first"), () => wrapped(slow.origin));
    while (slow.requests.length === 0) await new Promise(setImmediate);
    const nowhere = experimentFetch(stage.experiments, async () => new Response());
    for (let i = 0; i < 1100; i++) await stage.serve(own(`v${i}`), () => nowhere(slow.origin));
    gate.resolve();
    await answered;
    await stage.close();
    await slow.close();
    expect(arrivals(allowed)).toEqual([[own("first")]]);
  });

  test("OUT-K10 means nothing with other members, another number, or once its instance is closed", async () => {
    const tickets: string[] = [];
    const stage = await openStage({ propagateTo: [allowed.origin] });
    const noting = experimentFetch(stage.experiments, async (_input, init) => {
      tickets.push(new Headers(init?.headers).get(TICKET_HEADER) ?? "none");
      return new Response();
    });
    await stage.serve(own("express"), () => noting(allowed.origin));
    const [ticket = ""] = tickets;
    const [number = "", ...rest] = ticket.split(".");
    for (const other of [
      ticket.replace("express", "control"),
      `${ticket};experiment.search.variant=semantic`,
      [Number(number) + 1, ...rest].join("."),
      ticket.slice(0, -1),
    ]) {
      await fetch(allowed.origin, { headers: { [TICKET_HEADER]: other } });
    }
    await stage.close();
    await fetch(allowed.origin, { headers: { [TICKET_HEADER]: ticket } });
    expect(arrivals(allowed)).toEqual([[], [], [], [], []]);
  });

  test("OUT-K11 of an instance is replaced, where the client is wrapped twice", async () => {
    const seen: string[] = [];
    const noting = experimentFetch(experiments, async (_input, init) => {
      seen.push(...(new Headers(init?.headers).get(TICKET_HEADER) ?? "").split(","));
      return new Response();
    });
    await serve(own("express"), () => experimentFetch(experiments, noting)(allowed.origin));
    expect(seen).toHaveLength(1);
  });
});
