import { type ExperimentsHandle, outbound } from "otel-experiments/adapter";
import { persistent } from "./persistent.ts";

export function persistentExperiments(experiments: ExperimentsHandle): typeof persistent {
  const startOutbound = outbound(experiments); // once, at set-up
  return async function persistentWithExperiments(url, init) {
    const outgoing = startOutbound(); // once for each request, before its first attempt
    if (outgoing === undefined) return persistent(url, init);
    const release = outgoing.retain();
    try {
      const first = new URL(url);
      const headers = new Headers(init?.headers); // the caller's own stay as they are
      const linesOf = (name: string): string[] => [headers.get(name) ?? []].flat();
      if (outgoing.adds(first))
        for (const [name, value] of outgoing.headersFor(first, linesOf)) headers.set(name, value);
      return await outgoing.enter(() => persistent(url, { ...init, headers }));
    } finally {
      release();
    }
  };
}
