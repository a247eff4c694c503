// The shop page: choose items, place the order, see what came of it. Plain modules that the browser loads as they are.
import { openCheckout } from "./calls.js";
import { firstWrong, orderOf, recheck } from "./fields.js";
import { changeQuantity, chosenOf, showProducts } from "./items.js";
import { layoutOf } from "./layouts.js";
import { explain } from "./reasons.js";
import * as view from "./view.js";

const NO_CART = { madeOf: "" };

const form = view.byId("order");
const next = view.byId("next");
const checkout = openCheckout();

let shop;
let layout;
let page = 0;
let cart = NO_CART;
let busy = false;

async function openShop() {
  const { value, problem } = await checkout.shop();
  view.announce("");
  if (problem !== undefined) return view.showProblem(problem);
  shop = value;
  layout ??= layoutOf(shop);
  view.byId("banner").hidden = shop.shippingBanner !== "free_shipping";
  view.showStored(shop.storedMethod);
  showProducts(shop.products);
  show(page, { focus: false });
}

function show(index, { focus }) {
  page = index;
  view.showPage(layout, page, { focus });
  refresh();
}

function refresh() {
  view.showLines(lines());
  next.textContent = nextText();
}

/** What the shopper buys: at the prices of the cart if there is one of these items, else at those of the products. */
function lines() {
  const chosen = chosenOf(shop.products);
  return cart.madeOf === madeOf(chosen) ? cart.items : chosen;
}

function madeOf(items) {
  return JSON.stringify(items.map(({ productId, quantity }) => ({ productId, quantity })));
}

function nextText() {
  const following = layout.pages[page + 1];
  if (following !== undefined) return `Continue to the ${following[0]}`;
  return isStored() ? `Pay with ${shop.storedMethod.brand} ${shop.storedMethod.last4}` : "Place the order";
}

function isStored() {
  return layout.pages[page].includes("stored");
}

/** @returns whether the page is filled in. If not, the keyboard goes to the first field that is wrong. */
function isComplete() {
  const parts = layout.pages[page].map((part) => form.querySelector(`[data-part="${part}"]`));
  const wrong = parts.map(firstWrong).find((field) => field !== undefined);
  const empty = lines().length === 0;
  view.byId("items-error").hidden = !empty;
  if (empty) view.byId("products").querySelector("input:enabled")?.focus();
  else wrong?.focus();
  return !empty && wrong === undefined;
}

/** @returns a problem, or undefined */
async function goOn() {
  const seen = view.totalOf(lines());
  const wanted = madeOf(lines());
  if (cart.madeOf !== wanted) {
    const { value, problem } = await checkout.cart(JSON.parse(wanted));
    if (problem !== undefined) return problem;
    cart = { ...value, madeOf: wanted };
  }
  if (page < layout.pages.length - 1) return show(page + 1, { focus: true });
  // Nobody pays a price that the page has not shown.
  if (cart.totalCents !== seen) return { reason: "stale_price", message: "The shop has changed a price meanwhile." };
  const order = orderOf(form, cart.cartId, { stored: isStored() });
  const { value, problem } = await checkout.placeOrder(order);
  if (value !== undefined) view.showConfirmation(value, cart.items, order.email);
  return problem;
}

/** Shows where the shopper can do something about a problem: the new prices and stock, or a form for another card. */
async function recover(problem) {
  const { part } = explain(problem.reason);
  if (part === "items") {
    cart = NO_CART;
    await openShop();
  }
  if (part === "payment" && isStored()) layout = layoutOf({ ...shop, storedMethod: null });
  const index = layout.pages.findIndex((parts) => parts.includes(part));
  show(index === -1 ? page : index, { focus: false });
  view.showProblem(problem);
}

async function submit() {
  // While busy the button stays enabled, because a disabled one loses the focus; pressing it again does nothing.
  if (busy || !isComplete()) return;
  busy = true;
  next.ariaDisabled = "true";
  view.hideProblem();
  view.announce("One moment …");
  try {
    const problem = await goOn();
    if (problem !== undefined) await recover(problem);
  } finally {
    view.announce("");
    next.ariaDisabled = "false";
    busy = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void submit();
});
form.addEventListener("input", (event) => {
  recheck(event);
  refresh();
});
view.byId("products").addEventListener("click", changeQuantity);
view.byId("back").addEventListener("click", () => show(page - 1, { focus: true }));
view.byId("again").addEventListener("click", () => location.reload());

await openShop();
