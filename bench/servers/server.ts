// The process of one server. The bench asks for its port, and then for its accounts over each period of load.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Accounting, type Spending } from "./accounting.ts";
import { serverOf } from "./apps.ts";
import type { ServerOrder } from "./cases.ts";
import { startTelemetry, takeMarked } from "./telemetry.ts";
import { answerParent, orderOf } from "./worker.ts";

export type ServerQuestion = { readonly do: "listen" | "collect" | "begin" | "end" };

export interface ServerAnswer {
  readonly port: number;
  readonly spending: Spending | undefined;
  /** SERVER spans with a variant that were exported since the last question. */
  readonly marked: number;
}

const order = orderOf() as ServerOrder; // why: ServerProcess wrote it
startTelemetry(order.telemetry);
const server = await serverOf(order);
server.listen(0, "127.0.0.1");
await once(server, "listening");
// why: a server on a TCP port has an address of this form
const { port } = server.address() as AddressInfo;
const accounting = new Accounting();

answerParent((question: ServerQuestion): ServerAnswer => {
  if (question.do === "collect") globalThis.gc?.();
  const spending = question.do === "end" ? accounting.end() : undefined;
  const answer = { port, spending, marked: takeMarked() };
  if (question.do === "begin") accounting.begin();
  return answer;
});
