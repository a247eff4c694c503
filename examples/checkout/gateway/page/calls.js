// The page's calls to the gateway. One checkout is one trace, and the trace begins here: each call names it in
// `traceparent`, and the services continue it. The page exports no span, so the gateway's spans are the first ones of
// the trace that a backend shows.

/** Longer than the gateway takes to give up on a service behind it. */
const TIMEOUT_MS = 20_000;

/**
 * A tester's signed override stands behind the `#` of the page's address, as in `/#override=v1.…`. The browser sends
 * that part to nobody, so the token is in no log and in no Referer header. The calls carry it in a header.
 */
const override = new URLSearchParams(location.hash.slice(1)).get("override");

/** Opens a checkout: a trace of its own, and an idempotency key for each try to place the order. */
export function openCheckout() {
  const traceId = randomHex(16);
  let key = randomHex(16);

  async function call(method, path, body, headers = {}) {
    const request = {
      method,
      headers: { ...headers, traceparent: traceparent(traceId) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    if (override !== null) request.headers["x-experiment-override"] = override;
    if (body !== undefined) {
      request.headers["content-type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    try {
      const response = await fetch(path, request);
      const answer = await response.json();
      return response.ok ? { value: answer } : { problem: answer };
    } catch {
      // No connection, no answer in time, or an answer that is not the gateway's: the shopper can do the same.
      return { problem: { reason: "no_answer", message: "The shop did not answer." } };
    }
  }

  return {
    /** What the shop sells, and the variants of this visitor. */
    shop: () => call("GET", "/api/shop"),

    /** Makes a cart of `[{ productId, quantity }]`, whose prices the shop then keeps. */
    cart: (items) => call("POST", "/api/cart", { items }),

    /**
     * Places an order. As long as no answer has come, the order may have been placed, so the next try has the same key
     * and cannot charge twice. An answer ends the checkout that the key is for: what had been done is undone then.
     */
    async placeOrder(order) {
      const answer = await call("POST", "/api/checkout", order, { "idempotency-key": key });
      if (answer.problem?.reason !== "no_answer") key = randomHex(16);
      return answer;
    },
  };
}

/**
 * W3C Trace Context 3.2, `version-traceid-parentid-flags`. Each call is a parent of its own. The flag 01, sampled, asks
 * the services to record the trace.
 */
function traceparent(traceId) {
  return `00-${traceId}-${randomHex(8)}-01`;
}

function randomHex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
