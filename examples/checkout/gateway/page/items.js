// The products, and how many of each the shopper has chosen.
import { byId, money } from "./view.js";

const LOW_STOCK = 10;

/** Shows what the shop sells now. What was chosen before stays chosen, as far as it is still there. */
export function showProducts(products) {
  const chosen = new Map(inputs().map((input) => [input.dataset.product, quantityIn(input)]));
  byId("products").replaceChildren(
    ...products.map((product) => cardOf(product, Math.min(chosen.get(product.id) ?? 0, product.stock))),
  );
}

/** @returns `[{ productId, name, quantity, priceCents }]` */
export function chosenOf(products) {
  const chosen = new Map(inputs().map((input) => [input.dataset.product, quantityIn(input)]));
  return products
    .map(({ id, name, priceCents }) => ({ productId: id, name, quantity: chosen.get(id) ?? 0, priceCents }))
    .filter(({ quantity }) => quantity > 0);
}

/** The buttons beside a quantity change it as if the shopper had typed. */
export function changeQuantity({ target }) {
  const button = target.closest("button");
  if (button === null) return;
  const input = button.parentElement.querySelector("input");
  input.value = Math.max(0, Math.min(quantityIn(input) + Number(button.value), Number(input.max)));
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function inputs() {
  return [...byId("products").querySelectorAll("input")];
}

function quantityIn({ value }) {
  return Number.parseInt(value, 10) || 0;
}

function cardOf({ id, name, description, priceCents, stock }, quantity) {
  const card = byId("product").content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  find("use").setAttribute("href", `/page/art.svg#${encodeURIComponent(id)}`);
  find("h3").textContent = name;
  find(".about").textContent = description;
  find(".price").textContent = money(priceCents);
  find(".stock").textContent = stockText(stock);
  find(".stock").classList.toggle("low", stock < LOW_STOCK);
  find("label .unseen").textContent = `Quantity of ${name}`;
  find('[value="-1"]').ariaLabel = `One ${name} less`;
  find('[value="1"]').ariaLabel = `One ${name} more`;
  const input = find("input");
  input.dataset.product = id;
  input.name = `quantity-${id}`;
  input.max = stock;
  input.value = quantity;
  for (const control of card.querySelectorAll("input, button")) control.disabled = stock === 0;
  return card;
}

function stockText(stock) {
  if (stock === 0) return "Sold out";
  return stock < LOW_STOCK ? `Only ${stock} left` : "In stock";
}
