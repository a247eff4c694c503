import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import express from "express";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { type InboundOptions, inbound } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { experimentFetch } from "otel-experiments/fetch";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { recordDiag } from "../support/diag.ts";
import { closed, createOpen, REGISTRY } from "../support/experiments.ts";
import { listen } from "../support/listening.ts";

// What the contract does not say of the options subject, attributes and assign.

const diagnostics = recordDiag();
beforeEach(() => void diagnostics.take());

type Options = InboundOptions<never, string>;

const given = (subject: () => unknown, more: Options = {}): Options => ({
  // why: the types refuse some of these results, and JavaScript does not
  subject: subject as () => string,
  assign: ["checkout"],
  ...more,
});

function opening(experiments: Experiments, options: Options) {
  const open = inbound(experiments, options);
  const [request, response] = [new EventEmitter(), new EventEmitter()];
  return () => open({ header: () => undefined, peer: undefined, request, response });
}

describe("the options of an adapter are checked at set-up", () => {
  const store = { get: () => undefined, set: () => undefined };
  const wrong: Readonly<Record<string, [unknown, string]>> = {
    "a key that is not declared": [{ subject: () => "a", assign: ["chekout"] }, "checkout, search"],
    "a key that is no text": [{ subject: () => "a", assign: [7] }, "checkout, search"],
    "a text in place of a list": [{ subject: () => "a", assign: "checkout" }, "write a list"],
    "an empty list": [{ subject: () => "a", assign: [] }, "assign is empty"],
    "a subject that is a text": [{ subject: "user-7" }, "subject is"],
    "attributes that are an object": [{ subject: () => "a", attributes: {} }, "attributes is"],
    "assign without a subject": [{ assign: ["checkout"] }, "assign is given without a subject"],
    "attributes without a subject": [{ attributes: () => ({}) }, "attributes is given without a subject"],
    "a misspelt name": [{ subjekt: () => "a" }, "did you mean subject?"],
  };
  test.each(Object.entries(wrong))("VIS-01 %s", (_, [options, message]) => {
    // why: the types refuse these options
    expect(() => inbound(createOpen(), options as Options)).toThrow(message);
  });

  test("VIS-02 a list without a subject is right beside a store that knows the visitor, and beside no other", () => {
    const knowing = { ...store, visitor: () => "visitor-7" };
    expect(() => inbound(createOpen({ store: knowing }), { assign: ["checkout"] })).not.toThrow();
    expect(() => inbound(createOpen({ store }), { assign: ["checkout"] })).toThrow("assign is given without a subject");
  });

  test("VIS-03 a list needs declared experiments", () => {
    const experiments = closed(createExperiments({ trustInbound: true }));
    expect(() =>
      inbound(
        experiments,
        given(() => "a"),
      ),
    ).toThrow("assign holds");
  });
});

describe("an assignment at the beginning of a request", () => {
  const synchronous: Readonly<Record<string, [ExperimentsOptions, boolean]>> = {
    "the hash": [{}, true],
    "a store": [{ store: new Map() }, false],
    "an assigner": [{ experiments: { checkout: { ...REGISTRY.checkout, assigner: () => "control" } } }, false],
  };
  test.each(Object.entries(synchronous))(
    "VIS-04 is made without a promise only by the hash: %s",
    async (_, [options, isMade]) => {
      const { assigned, scope } = opening(
        createOpen(options),
        given(() => "user-7"),
      )();
      expect(assigned === undefined).toBe(isMade);
      expect(scope.variant("checkout") !== undefined).toBe(isMade);
      await assigned;
      expect(scope.variant("checkout")).toBeDefined();
    },
  );

  test("VIS-05 is made once where the same mount opens a request again, and a later mount makes its own", async () => {
    const asked: string[] = [];
    const experiments = createOpen({
      experiments: {
        checkout: { ...REGISTRY.checkout, assigner: ({ subject }) => void asked.push(subject) },
        search: REGISTRY.search,
      },
    });
    const [request, response] = [new EventEmitter(), new EventEmitter()];
    const arrived = { header: () => undefined, peer: undefined, request, response };
    let subjects = 0;
    const first = inbound(
      experiments,
      given(() => `visitor-${subjects++}`),
    );
    const later = inbound(
      experiments,
      given(() => "user-7", { assign: ["search"] }),
    );
    const { assigned } = first(arrived);
    expect(first(arrived).assigned).toBe(assigned);
    await assigned;
    expect([asked, subjects]).toEqual([["visitor-0"], 1]);
    const { scope } = later(arrived);
    expect(scope.variant("search")).toBeDefined();
    await scope.assign("checkout");
    expect(asked).toEqual(["visitor-0", "user-7"]);
  });

  test("VIS-06 leaves out an experiment that is no longer declared", () => {
    const experiments = createOpen();
    const open = opening(
      experiments,
      given(() => "user-7", { assign: ["checkout", "search"] }),
    );
    experiments.replace({ search: REGISTRY.search });
    expect(open().scope.assignments.map(({ key }) => key)).toEqual(["search"]);
  });

  test("VIS-07 is never made for an undefined subject that the handler gives, although the options have one", async () => {
    const { scope } = opening(createOpen(), { subject: () => "user-7" })();
    expect(await scope.assign("checkout", undefined)).toBeUndefined();
    expect(await scope.assign("checkout")).toBeDefined();
  });

  test("VIS-08 is in the scope: what the subject and an assigner call, belongs to the request", async () => {
    const seen: unknown[] = [];
    const experiments: Experiments = createOpen({
      experiments: {
        search: REGISTRY.search,
        checkout: { ...REGISTRY.checkout, assigner: () => void seen.push(experiments.current()) },
      },
    });
    const open = opening(
      experiments,
      given(() => {
        seen.push(experiments.current());
        return "user-7";
      }),
    );
    const { scope, assigned } = open();
    await assigned;
    expect(seen).toEqual([scope, scope]);
  });
});

let failures = 0;

describe("a subject's function that gives none", () => {
  const failing: Readonly<Record<string, [() => unknown, string]>> = {
    throws: [() => expect.fail("no session"), "threw"],
    rejects: [() => Promise.reject(new Error("no session")), "failed"],
    "gives a number": [() => 7, "of the type number; write a text"],
  };
  test.each(Object.entries(failing))(
    "VIS-09 is told to diag where it %s, and strict experiments do not throw",
    async (_, [subject, what]) => {
      const later = performance.now() + 120_000;
      const clock = vi.spyOn(performance, "now").mockReturnValue(later + failures++ * 120_000);
      const { assigned, scope } = opening(createOpen({ strict: true }), given(subject))();
      await assigned;
      expect(await scope.assign("checkout")).toBeUndefined();
      clock.mockRestore();
      expect(diagnostics.take().join("\n")).toMatch(
        new RegExp(`^warn: otel-experiments: the adapter's option subject .*${what}`),
      );
    },
  );
});

test("VIS-10 a call to an allowed origin that is made before the first use carries the variant", async () => {
  const cart = await startWireServer();
  const experiments = createOpen({ propagateTo: [cart.origin] });
  const fetch = experimentFetch(experiments);
  const app = express();
  app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
  app.use(async (_request, _response, next) => {
    await fetch(cart.origin);
    next();
  });
  app.get("/", (_request, response) => void response.send(experiments.use("checkout")));
  const server = await listen(createServer(app));
  const { body } = await send(server.port, { lines: ["x-user-id: user-7"] });
  expect(REGISTRY.checkout.variants).toContain(body);
  expect(cart.baggage()[0]?.join()).toContain(`experiment.checkout.variant=${body}`);
  await server.close();
  await cart.close();
});
