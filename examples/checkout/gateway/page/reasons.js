// Why an order was not placed: a title, what the shopper can do, and the part of the page where it can be done.

const reasons = {
  stale_price: {
    title: "A price has changed",
    advice: "You have not paid. The new prices are shown: if you agree with them, place the order again.",
    part: "items",
  },
  insufficient_stock: {
    title: "There is not enough left",
    advice: "You have not paid. Take fewer of the item or another one, then place the order again.",
    part: "items",
  },
  fraud_suspected: {
    title: "We cannot take this order online",
    advice: "You have not paid. Send it to an address in Germany, or order for less.",
    part: "address",
  },
  card_declined: {
    title: "Your card was declined",
    advice: "You have not paid. Use another card, or ask your bank why.",
    part: "payment",
  },
  insufficient_funds: {
    title: "There is not enough money on the card",
    advice: "You have not paid. Try again, or use another card.",
    part: "payment",
  },
  provider_timeout: {
    title: "Your bank takes too long",
    advice: "Place the order again. You pay only once, even if the first try went through.",
  },
  unavailable: {
    title: "Something in the shop does not work",
    advice: "Your cart is kept. Wait a moment, then try again: you pay only once.",
  },
  invalid_request: {
    title: "Something in the form is wrong",
    advice: "Correct it, then place the order again.",
    part: "address",
  },
  no_answer: {
    title: "The shop did not answer",
    advice: "Look whether you are online, then try again: you pay only once.",
  },
};

/** A reason that is newer than this page gets the advice of `unavailable`. */
export function explain(reason) {
  return Object.hasOwn(reasons, reason) ? reasons[reason] : reasons.unavailable;
}
