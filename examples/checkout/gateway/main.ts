// The gateway, with Express: serves the shop page and its API, and runs the checkout.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import express, { type ErrorRequestHandler } from "express";
import { expressExperiments } from "otel-experiments/express";
import { failureOf } from "../failure.ts";
import { log, serve } from "../service.ts";
import { placeOrder } from "./checkout.ts";
import { experiments } from "./edge.ts";
import { cartRequest, checkoutIdOf, checkoutRequest } from "./requests.ts";
import * as services from "./services.ts";
import { CheckoutFailure } from "./steps.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const page = fileURLToPath(new URL("./page", import.meta.url));

/** The page runs its own files and calls its own origin. Text that somebody smuggles in does nothing. */
const PAGE_POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "img-src", "connect-src"].map((kind) => `${kind} 'self'`),
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const app = express();
app.disable("x-powered-by");
app.get("/healthz", (_request, response) => void response.sendStatus(204));
app.use((_request, response, next) => {
  response.set({ "content-security-policy": PAGE_POLICY, "x-content-type-options": "nosniff" });
  next();
});
app.use("/page", express.static(page));
// From here on a visitor has a variant of each experiment. The page itself sets the cookie, before its calls.
app.use(expressExperiments(experiments, { assign: ["checkout", "shipping_banner"] }));
app.use((_request, response, next) => {
  // What depends on the visitor stays in no cache.
  response.set("cache-control", "no-store");
  next();
});
app.use(express.json({ limit: "32kb" }));

app.get("/", (_request, response) => response.sendFile("index.html", { root: page, cacheControl: false }));

app.get("/api/shop", async (_request, response) => {
  // The page shows both, so here both make a difference to the visitor.
  const checkout = experiments.use("checkout") ?? "control";
  const shippingBanner = experiments.use("shipping_banner") ?? "control";
  const [products, stock, storedMethod] = await Promise.all([
    services.products(),
    services.stock(),
    // Only the express checkout pays with a stored method.
    checkout === "express" ? services.storedMethod() : null,
  ]);
  response.json({
    checkout,
    shippingBanner,
    products: products.map((product) => ({ ...product, stock: stock[product.id] ?? 0 })),
    storedMethod,
  });
});

app.post("/api/cart", async (request, response) => {
  response.status(201).json(await services.createCart(cartRequest.parse(request.body)));
});

app.post("/api/checkout", async (request, response) => {
  const checkout = checkoutRequest.parse(request.body);
  const checkoutId = checkoutIdOf(checkout.cartId, request.get("idempotency-key"));
  const { orderId, totalCents, taxCents, created } = await placeOrder(checkoutId, checkout);
  if (created) {
    const value = totalCents / 100;
    experiments.convert("order_placed", { experiment: "checkout", value });
    // The visitor has seen the banner in an earlier request, so the experiment is named.
    experiments.convert("order_placed", { experiment: "shipping_banner", value });
  }
  response.status(201).json({ orderId, totalCents, taxCents, currency: "EUR" });
});

const answerFailure: ErrorRequestHandler = (error, _request, response, _next) => {
  const failure = failureOf(error);
  // What fails before the checkout has begun, fails with the cart.
  const step = failure instanceof CheckoutFailure ? failure.step : "cart";
  log.info({ "checkout.failure_step": step, "error.type": failure.code }, "the request failed");
  response.status(failure.status).json({ step, ...failure.body });
};
app.use(answerFailure);

await serve(createServer(app), () => experiments.close(), shutdownTelemetry);
