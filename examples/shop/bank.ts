// A third party's payment API, with node:http only. It is another company, which has no knowledge of the shop's
// experiments. It counts the experiment members that reach it, and exports the count with its spans.
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { announce } from "./service.ts";

const server = createServer((request, response) => {
  trace.getActiveSpan()?.setAttribute("bank.experiment_members", countExperimentMembers(request));
  request.resume();
  void pause(3).then(() => response.writeHead(201).end());
});

/**
 * Counts the members of the baggage header, as sent on the wire, that have an experiment's key, percent-encoded or not.
 */
function countExperimentMembers({ rawHeaders }: IncomingMessage): number {
  const lines = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "baggage");
  const keys = lines.flatMap((line) => line.split(",")).map((member) => member.split("=", 1)[0] ?? "");
  return keys.filter((key) => decoded(key.trim()).startsWith("experiment.")).length;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

await announce(server.listen(0, "127.0.0.1"));
