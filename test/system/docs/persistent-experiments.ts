import { type ExperimentsHandle, outbound, TICKET_HEADER } from "otel-experiments/adapter";
import { persistent } from "./persistent.ts";

export function persistentExperiments(experiments: ExperimentsHandle): typeof persistent {
  const depart = outbound(experiments); // once, at set-up
  return async function persistentWithExperiments(url, init) {
    const departure = depart(); // once for each request, in front of all of its attempts
    if (departure === undefined) return persistent(url, init);
    const release = departure.retain();
    try {
      const headers = new Headers(init?.headers); // the caller's own stay as they are
      const baggage = departure.baggageFor(new URL(url), headers.get("baggage"));
      if (baggage !== "") headers.set("baggage", baggage);
      headers.append(TICKET_HEADER, departure.ticket);
      return await persistent(url, { ...init, headers });
    } finally {
      release();
    }
  };
}
