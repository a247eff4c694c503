// Everything that the headers of the shop's requests have told the provider.
import type { IncomingMessage } from "node:http";

const MAX_LINES = 1_000;

let requests = 0;
let experimentMembers = 0;
const headerNames = new Map<string, number>();
const baggageLines = new Map<string, number>();

export const received = {
  keep({ rawHeaders }: IncomingMessage): void {
    requests++;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index]?.toLowerCase() ?? "";
      count(headerNames, name);
      if (name === "baggage") keepBaggage(rawHeaders[index + 1] ?? "");
    }
  },

  report(): object {
    return {
      requests,
      headerNames: Object.fromEntries(headerNames),
      baggage: [...baggageLines].map(([value, times]) => ({ value, count: times })),
      experimentMembers,
    };
  },
};

function keepBaggage(line: string): void {
  count(baggageLines, line);
  const keys = line.split(",").map((member) => decoded(member.split("=", 1)[0] ?? "").trim());
  experimentMembers += keys.filter((key) => key.startsWith("experiment.")).length;
}

/** A bounded number of different texts; the rest is counted together. */
function count(counts: Map<string, number>, text: string): void {
  const key = counts.has(text) || counts.size < MAX_LINES ? text : "(others)";
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** A key that is encoded is a key too. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
