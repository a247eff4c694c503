import { type ExperimentsHandle, outbound, TICKET_HEADER } from "otel-experiments/adapter";
import { persistent } from "./persistent.ts";

export function persistentExperiments(experiments: ExperimentsHandle): typeof persistent {
  const startOutbound = outbound(experiments); // once, at set-up
  return async function persistentWithExperiments(url, init) {
    const outgoing = startOutbound(); // once for each request, before its first attempt
    if (outgoing === undefined) return persistent(url, init);
    const release = outgoing.retain();
    try {
      const headers = new Headers(init?.headers); // the caller's own stay as they are
      const baggage = outgoing.baggageFor(new URL(url), headers.get("baggage"));
      if (baggage !== "") headers.set("baggage", baggage);
      headers.append(TICKET_HEADER, outgoing.ticket);
      return await persistent(url, { ...init, headers });
    } finally {
      release();
    }
  };
}
