// The process that puts load on the servers, and that answers their outgoing calls.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Kind } from "./cases.ts";
import { type LoadResult, load, type Until } from "./load.ts";
import { answerParent } from "./worker.ts";

export type GeneratorQuestion =
  | { readonly do: "open" }
  | {
      readonly do: "load";
      readonly port: number;
      readonly kind: Kind;
      readonly until: Until;
      readonly reads: boolean;
    };

export interface GeneratorAnswer {
  readonly origin: string;
  /** Undefined before the first load. */
  readonly result: LoadResult | undefined;
  /** Calls that were answered since the last question, and how many of them brought a variant. */
  readonly calls: number;
  readonly withVariant: number;
}

const RESPONSE = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

let [calls, withVariant] = [0, 0];
const server = createServer({ noDelay: true }, (socket) => {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy()); // A caller that has ended resets its connections.
  socket.on("data", (chunk: string) => {
    received += chunk;
    if (!received.endsWith("\r\n\r\n")) return;
    calls++;
    if (received.includes("experiment.checkout.variant=")) withVariant++;
    received = "";
    socket.write(RESPONSE);
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
// why: a server on a TCP port has an address of this form
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

answerParent(async (question: GeneratorQuestion): Promise<GeneratorAnswer> => {
  const result =
    question.do === "load" ? await load(question.port, question.kind, question.until, question.reads) : undefined;
  const answer = { origin, result, calls, withVariant };
  [calls, withVariant] = [0, 0];
  return answer;
});
