// What the shopper sees and hears. Everything that comes from the shop goes into the page as text, never as markup.
import { nameOf } from "./layouts.js";
import { explain } from "./reasons.js";

const euro = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export function money(cents) {
  return euro.format(cents / 100);
}

export function byId(id) {
  return document.getElementById(id);
}

/** For what a screen reader says while the eyes see it happen. */
export function announce(text) {
  byId("status").textContent = text;
}

/** @param lines `[{ name, quantity, priceCents }]` */
export function showLines(lines) {
  const summary = lines.map(({ name, quantity, priceCents }) => {
    return row("li", ["span", `${quantity} × ${name}`], ["span", money(quantity * priceCents)]);
  });
  byId("summary-lines").replaceChildren(...summary);
  const table = lines.map(({ name, quantity, priceCents }) => {
    return row(
      "tr",
      ["th", name, { scope: "row" }],
      ["td", money(priceCents)],
      ["td", quantity],
      ["td", money(quantity * priceCents)],
    );
  });
  byId("cart-lines").replaceChildren(...table);
  byId("total").textContent = money(totalOf(lines));
}

export function totalOf(lines) {
  return lines.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0);
}

export function showStored(method) {
  byId("brand").textContent = method?.brand ?? "";
  byId("last4").textContent = method?.last4 ?? "";
}

/** Shows one page of a layout. With `focus`, the keyboard and the screen reader continue at its heading. */
export function showPage({ name, pages }, index, { focus }) {
  const parts = pages[index];
  document.body.dataset.layout = name;
  document.body.dataset.parts = parts.join(" ");
  document.title = pages.length > 1 ? `${nameOf(parts)} – Corner Coffee` : "Corner Coffee";
  byId("order").hidden = false;
  byId("confirmation").hidden = true;
  byId("back").hidden = index === 0;
  for (const section of document.querySelectorAll("[data-part]"))
    section.hidden = !parts.includes(section.dataset.part);
  showSteps(pages, index);
  if (focus) byId(`${parts[0]}-title`).focus();
}

function showSteps(pages, current) {
  byId("steps").hidden = pages.length === 1;
  const steps = pages.map((parts, index) => {
    const step = element("li", nameOf(parts));
    if (index === current) step.ariaCurrent = "step";
    step.classList.toggle("done", index < current);
    return step;
  });
  byId("steps").replaceChildren(...steps);
}

/** Says why something did not work and what to do. The box is an alert, and the keyboard continues there. */
export function showProblem({ reason, message }) {
  const { title, advice } = explain(reason);
  byId("problem").replaceChildren(element("h2", title), element("p", message), element("p", advice));
  byId("problem").focus();
}

export function hideProblem() {
  byId("problem").replaceChildren();
}

export function showConfirmation({ orderId, totalCents, taxCents }, lines, email) {
  document.body.dataset.parts = "confirmation";
  byId("order").hidden = true;
  byId("steps").hidden = true;
  byId("confirmation").hidden = false;
  byId("sent-to").textContent = email;
  const facts = [
    ["Order", orderId],
    ...lines.map(({ name, quantity, priceCents }) => [`${quantity} × ${name}`, money(quantity * priceCents)]),
    ["Tax", money(taxCents)],
    ["Total", money(totalCents)],
  ];
  byId("receipt").replaceChildren(...facts.map(([term, fact]) => row("div", ["dt", term], ["dd", fact])));
  document.title = "Order placed – Corner Coffee";
  byId("confirmation-title").focus();
}

function row(tag, ...cells) {
  const parent = document.createElement(tag);
  parent.append(...cells.map((cell) => element(...cell)));
  return parent;
}

function element(tag, text, attributes = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, attributes);
}
