import assert from "node:assert/strict";
import { type Assigner, createExperiments, type Experiments, type ExperimentsOptions } from "../../src/index.ts";
import { acceptOverrides, signOverride } from "../../src/override/index.ts";
import { send, type WireRequest, type WireResponse } from "../wire/client.ts";
import type { InboundApp, InboundCase, InboundHarness } from "./harness.ts";
import { CHECKOUT, REGISTRY, serving } from "./serving.ts";

const { checkout, search } = REGISTRY;
/** All subjects get `express`. */
const EXPRESS = { ...checkout, variants: { control: 0, single_page: 0, express: 1 } };
const BOTH = ["checkout", "search"];

/** A request to an app with the options of an adapter that concern the visitor. */
interface Visit {
  readonly experiments: ExperimentsOptions;
  readonly options: NonNullable<InboundApp["options"]>;
  /** Gives the answer's text. Default: the variants, without using them. */
  readonly handle?: (experiments: Experiments, native: object) => unknown;
  readonly request?: WireRequest;
}

/** Serves one request, and returns its answer. */
async function visit(harness: InboundHarness, given: Visit): Promise<WireResponse> {
  const experiments: Experiments = createExperiments({ strict: false, ...given.experiments });
  const { handle = variantsOf } = given;
  return serving(
    harness,
    {
      mount: [experiments],
      options: given.options,
      handler: async ({ native, reply }) => reply(200, String(await handle(experiments, native))),
    },
    [experiments],
    (port) => send(port, given.request),
  );
}

function variantsOf(experiments: Experiments): string {
  return BOTH.map((key) => experiments.variant(key) ?? "none").join(" ");
}

/** What a subject's function may do without giving a subject. Each one is a mistake or a visitor without an id. */
const NO_SUBJECT: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("no session");
  },
  rejects: () => Promise.reject(new Error("no session")),
  hangs: () => new Promise(() => undefined),
  "is undefined": () => undefined,
  "is null": () => null,
  "is empty": () => "",
  "is a number": () => 7,
  "is an object": () => ({ id: "user-7" }),
  "is a promise of a number": () => Promise.resolve(7),
  "is an object that cannot be read": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

/** The subject and the assignments that an adapter's options name. */
export const visitorCases: readonly InboundCase[] = [
  {
    id: "IN-34",
    title: "assigns the experiments of the option assign to the subject before the handlers run",
    async run(harness) {
      const natives: object[] = [];
      const seen: object[] = [];
      const { body } = await visit(harness, {
        experiments: { experiments: { checkout: EXPRESS, search } },
        options: {
          subject: (native) => {
            natives.push(native);
            return "user-7";
          },
          assign: ["checkout"],
        },
        handle: (experiments, native) => {
          seen.push(native);
          return `${experiments.use("checkout")} ${experiments.use("search")}`;
        },
      });
      assert.equal(body, "express undefined");
      assert.equal(natives.length, 1);
      assert.equal(natives[0], seen[0]);
    },
  },
  {
    id: "IN-35",
    title: "waits for an assigner before the handlers run, no longer than its time limit",
    async run(harness) {
      const later: Assigner = async ({ attributes }) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return String(attributes["wanted"]);
      };
      const never: Assigner = () => new Promise(() => undefined);
      const { status, body } = await visit(harness, {
        experiments: {
          experiments: {
            checkout: { ...checkout, assigner: later },
            search: { ...search, assigner: never, timeLimitMs: 5, fallback: "bm25" },
          },
        },
        options: { subject: async () => "user-7", attributes: async () => ({ wanted: "express" }), assign: BOTH },
      });
      assert.deepEqual([status, body], [200, "express bm25"]);
    },
  },
  {
    id: "IN-36",
    title: "waits for a store before the handlers run",
    async run(harness) {
      const names: string[] = [];
      const { body } = await visit(harness, {
        experiments: {
          experiments: REGISTRY,
          store: {
            get: async (name) => {
              names.push(name);
              await new Promise((resolve) => setTimeout(resolve, 5));
              return "express";
            },
            set: () => undefined,
          },
        },
        options: { subject: () => "user-7", assign: ["checkout"] },
      });
      assert.equal(body, "express none");
      assert.deepEqual(names, [`${checkout.id}:user-7`]);
    },
  },
  {
    id: "IN-37",
    title: "assigns nothing, and answers as without the options, if there is no subject or no attributes",
    async run(harness) {
      const experiments = { experiments: { checkout: EXPRESS, search: { ...search, targeting: () => true } } };
      const answerTo = async (options: Visit["options"]): Promise<string> => {
        const { status, body } = await visit(harness, { experiments, options });
        return `${status} ${body}`;
      };
      const answers = Object.entries(NO_SUBJECT).map(async ([what, subject]) => {
        // why: the types refuse these results, and JavaScript does not
        const answer = await answerTo({ subject: subject as () => string, assign: BOTH });
        return `${what}: ${answer}`;
      });
      assert.deepEqual(
        await Promise.all(answers),
        Object.keys(NO_SUBJECT).map((what) => `${what}: 200 none none`),
      );
      // Only experiments that use attributes need them.
      const attributes = (): never => assert.fail("no country");
      assert.equal(await answerTo({ subject: () => "user-7", attributes, assign: BOTH }), "200 express none");
    },
  },
  {
    id: "IN-38",
    title: "keeps the variant of a trusted caller or of an override, and does not ask for the subject then",
    async run(harness) {
      const overrides = acceptOverrides({ secrets: "a secret of the contract", audience: "qa" });
      const token = signOverride({ checkout: "control" }, { secret: "a secret of the contract", audience: "qa" });
      let asked = 0;
      const options = { subject: () => `user-${asked++}`, assign: ["checkout"] };
      const experiments = { experiments: { checkout: EXPRESS } };
      const variantFor = async (given: ExperimentsOptions, line: string): Promise<string> => {
        const request = { lines: [line] };
        return (await visit(harness, { experiments: { ...experiments, ...given }, options, request })).body;
      };
      const trusted = CHECKOUT.replace("express", "single_page");
      assert.equal(await variantFor({ trustInbound: true }, `baggage: ${trusted}`), "single_page none");
      assert.equal(await variantFor({ overrides }, `x-experiment-override: ${token}`), "control none");
      assert.equal(asked, 0);
      assert.equal(await variantFor({}, `baggage: ${trusted}`), "express none");
      assert.equal(asked, 1);
    },
  },
  {
    id: "IN-39",
    title: "passes on the variant of the option assign from code that does not use it",
    async run(harness) {
      const { body } = await visit(harness, {
        experiments: {
          experiments: { checkout: { ...checkout, assigner: async () => "express" } },
          propagateTo: ["queue:orders"],
        },
        options: { subject: () => "user-7", assign: ["checkout"] },
        handle: (experiments) => new Map(Object.entries(experiments.inject({}, { to: "queue:orders" }))).get("baggage"),
      });
      assert.match(body, /experiment\.checkout\.variant=express/);
    },
  },
  {
    id: "IN-40",
    title: "assigns to the subject of the options where assign has none, and asks for it once and only if it is needed",
    async run(harness) {
      const asked: string[] = [];
      const options = {
        subject: () => {
          asked.push("subject");
          return "user-7";
        },
        attributes: () => {
          asked.push("attributes");
          return { country: "NL" };
        },
      };
      const experiments = {
        experiments: {
          checkout: EXPRESS,
          search: { ...search, targeting: ({ country }: { country?: unknown }) => country === "NL" },
        },
      };
      assert.equal((await visit(harness, { experiments, options })).body, "none none");
      assert.deepEqual(asked, []);
      const { body } = await visit(harness, {
        experiments,
        options,
        handle: async (assigning) => {
          await assigning.assign("checkout");
          const here = await Promise.all([assigning.assign("search"), assigning.current().assign("search")]);
          return `${variantsOf(assigning)} ${new Set([...here, assigning.variant("search")]).size}`;
        },
      });
      assert.match(body, /^express (bm25|semantic) 1$/);
      assert.deepEqual(asked, ["subject", "attributes"]);
    },
  },
  {
    id: "IN-42",
    title: "loses nothing of the body while an assigner is awaited",
    async run(harness) {
      const experiments = createExperiments({
        experiments: {
          checkout: {
            ...checkout,
            async assigner() {
              await new Promise((resolve) => setTimeout(resolve, 20));
              return "express";
            },
          },
        },
        strict: false,
      });
      const sent = { text: "a".repeat(200_000) };
      const app: InboundApp = {
        mount: [experiments],
        prepare: "json",
        options: { subject: () => "user-7", assign: ["checkout"] },
        handler: ({ body, reply }) =>
          reply(200, `${JSON.stringify(body) === JSON.stringify(sent)} ${experiments.variant("checkout")}`),
      };
      const request = { method: "POST", lines: ["content-type: application/json"], body: JSON.stringify(sent) };
      const { status, body } = await serving(harness, app, [experiments], (port) => send(port, request));
      assert.deepEqual([status, body], [200, "true express"]);
    },
  },
  {
    id: "IN-41",
    title: "gives the framework the error of a handler that ran after an assigner was awaited",
    async run(harness) {
      const experiments = createExperiments({
        experiments: { checkout: { ...checkout, assigner: async () => "express" } },
        strict: false,
      });
      const errors: unknown[] = [];
      const app: InboundApp = {
        mount: [experiments],
        options: { subject: () => "user-7", assign: ["checkout"] },
        handler: () => {
          throw new Error(`failed with ${experiments.variant("checkout")}`);
        },
        onError: (error) => void errors.push(error instanceof Error ? error.message : error),
      };
      const { status } = await serving(harness, app, [experiments], (port) => send(port));
      assert.deepEqual([status, errors], [500, ["failed with express"]]);
    },
  },
];
