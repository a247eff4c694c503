// The edge: only here a shopper is assigned to variants. All other services are told.
import { createExperiments } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { acceptOverrides } from "otel-experiments/override";
import { shopExperiments } from "../experiments.ts";
import { originOf, required } from "../service.ts";

export const origins = {
  cart: originOf("CART_URL"),
  inventory: originOf("INVENTORY_URL"),
  tax: originOf("TAX_URL"),
  fraud: originOf("FRAUD_URL"),
  payment: originOf("PAYMENT_URL"),
  order: originOf("ORDER_URL"),
};

export const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  // Shoppers are strangers, so variants in their baggage headers are not believed.
  trustInbound: false,
  propagateTo: Object.values(origins),
  // A signed cookie says who the visitor is, and keeps them in their variants.
  store: cookieStore({ secrets: required("COOKIE_SECRET") }),
  // Reports can join what one visitor did, and cannot tell who it was.
  recordSubject: "hashed",
  subjectSecret: required("SUBJECT_SECRET"),
  // A tester sees each variant on demand, by a token that the shop has signed.
  overrides: acceptOverrides({
    secrets: required("OVERRIDE_SECRET"),
    audience: process.env["OVERRIDE_AUDIENCE"] ?? "local",
    // Not in the URL, which is on spans and in logs.
    from: { header: "x-experiment-override", cookie: "experiment_override" },
  }),
});
