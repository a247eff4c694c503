// The fields of the form: what the shopper wrote, and what is wrong with it. The browser checks the values; the words
// are the page's, and stand beside the field.

/** Marks what is wrong in a part of the form. @returns the first field that is wrong */
export function firstWrong(part) {
  let first;
  for (const field of part.querySelectorAll("input, select")) {
    const right = field.checkValidity();
    mark(field, right ? "" : (field.dataset.error ?? field.validationMessage));
    if (!right) first ??= field;
  }
  return first;
}

/** Takes the mark off as soon as the field is right. */
export function recheck({ target }) {
  if (target.ariaInvalid === "true" && target.checkValidity()) mark(target, "");
}

function mark(field, text) {
  const id = `${field.name}-error`;
  document.getElementById(id)?.remove();
  field.ariaInvalid = String(text !== "");
  field.removeAttribute("aria-describedby");
  if (text === "") return;
  const error = Object.assign(document.createElement("p"), { id, className: "error", textContent: text });
  field.setAttribute("aria-describedby", id);
  field.closest("label").after(error);
}

/** What `POST /api/checkout` takes. */
export function orderOf(form, cartId, { stored }) {
  const value = (name) => form.elements.namedItem(name).value.trim();
  const [name, street, city] = [value("name"), value("street"), value("city")];
  const card = () => ({
    method: "card",
    number: value("number").replaceAll(" ", ""),
    expiry: value("expiry"),
    cvc: value("cvc"),
  });
  return {
    cartId,
    email: value("email"),
    address: { name, street, city, postalCode: value("postalCode"), country: value("country") },
    payment: stored ? { method: "stored" } : card(),
  };
}
