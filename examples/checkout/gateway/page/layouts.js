// What each variant of the experiment `checkout` shows: a list of pages, each with the parts of the form that are on it.

const STEP_NAMES = { items: "Items", cart: "Cart", address: "Address", payment: "Payment" };

/** @returns the pages of a layout, and whether the shopper sees them as steps */
export function layoutOf({ checkout, storedMethod }) {
  switch (checkout) {
    case "single_page":
      return { name: checkout, pages: [["items", "address", "payment"]] };
    case "express":
      // No cart page. Who has no stored method pays by card, still in one step.
      return { name: checkout, pages: [["items", "address", storedMethod === null ? "payment" : "stored"]] };
    default:
      // `control`, and whatever variant is newer than this page.
      return { name: "control", pages: [["items"], ["cart"], ["address"], ["payment"]] };
  }
}

/** The name of a page, for the list of steps and for the title. */
export function nameOf([part]) {
  return STEP_NAMES[part];
}
