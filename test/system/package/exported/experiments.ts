import { createExperiments, defineExperiments } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { boolean, defineFields, integer, list, oneOf, text } from "otel-experiments/fields";
import { acceptOverrides, signOverride } from "otel-experiments/override";

const secret = "a secret of the tests, long enough";

export const tier = oneOf("free", "premium").on("span", "metric");
export const plan = oneOf("monthly", "yearly").mutable().notSensitive();
export const fields = defineFields({
  user_tier: tier,
  plan,
  beta: boolean().on("log"),
  cart_size: integer({ min: 0, max: 100 }),
  region: text({ maxLength: 8, pattern: /^[a-z]+$/ }),
  tags: list({ maxItems: 2, maxLength: 8 }),
});
export const registry = defineExperiments({
  checkout: {
    id: "checkout_1",
    variants: { control: 3, express: 1 },
    seed: "checkout",
    coverage: 0.5,
    namespace: { name: "page", range: [0, 0.5] },
    targeting: ({ country }) => country === "SE",
    status: "running",
    assigner: async ({ subject, signal }) => (signal.aborted || subject === "" ? undefined : "express"),
    timeLimitMs: 100,
    fallback: "control",
  },
  search: {
    id: "search_1",
    variants: ["control", "semantic"],
    assigner: () => ({ variant: "semantic", reason: "split" }),
  },
});
export const store = cookieStore({ secrets: secret, maxAge: "30d", sameSite: "Lax" });
export const overrides = acceptOverrides({ secrets: [secret], audience: "staging", from: { cookie: "override" } });
export const token = signOverride({ checkout: "express" }, { secret, audience: "staging", expiresIn: "2h" });

export const experiments = createExperiments({
  experiments: registry,
  primary: "checkout",
  trustInbound: ({ peer, header }) => peer === "10.0.0.1" && header("via") === undefined,
  trustProxied: true,
  propagateTo: ["https://*.shop.internal", "queue:orders", (url) => url.port === "8080"],
  prefix: "exp.",
  unknown: "drop",
  foreignBaggage: "allowed-only",
  overrides,
  store,
  recordSubject: "hashed",
  subjectSecret: secret,
  fields,
  onExposure: ({ variant }) => variant,
  onConversion: ({ name, value }) => [name, value],
  strict: true,
});
export const inline = createExperiments({
  experiments: { cart: { id: "cart_1", variants: ["small", "big"] } },
  fields: { user_tier: oneOf("free", "premium") },
  store: new Map<string, string>(),
});
export const loose = createExperiments({ trustInbound: true });

export const scope = experiments.current();
export const ofRequest = experiments.of({});
export const assignments = scope.assignments;
export const attributes = scope.attributes;
export const variant = experiments.variant("checkout");
export const used = inline.use("cart");
export const recorded = experiments.record("search", "semantic");
export const assigned = experiments.assign("checkout", "user-7", { attributes: { country: "SE" } });
export const access = experiments.fields;
export const userTier = experiments.fields.get("user_tier");
export const tags = scope.fields.get("tags");
export const meter = experiments.meter("payment", { attribution: "each", version: "1" });
export const counter = meter.createCounter("orders");
export const injected = experiments.inject({ other: "1" }, { to: "queue:orders" });
export const ran = experiments.run({}, async () => 1, { trusted: true });
export const ranEach = experiments.runEach([{ headers: {} }], { carrier: ({ headers }) => headers }, () => undefined);
export const verdict = experiments.explain("https://cart.shop.internal");
export const variantOf = (key: "checkout" | "search") => experiments.variant(key);
export const { use, convert, expose, record, assign, replace, close } = experiments;
