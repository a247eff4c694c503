import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Client, type Dispatcher, request } from "undici";
import { instrumentOutgoing } from "../adapters/outbound/outgoing.ts";
import { experimentInterceptor } from "../adapters/outbound/undici.ts";
import { createExperiments } from "../src/index.ts";
import { EXPERIMENT_ID, VARIANT_WEIGHTS } from "./headers.ts";
import { leastDisturbed, type Times } from "./paired.ts";
import type { Row } from "./row.ts";
import { inScope } from "./scoped.ts";

const CALLS = 100;
const ROUNDS = 41;
const WARM_UP = 5;

/**
 * Whole calls of undici.request over loopback, in sequence, compared with the same calls without the package. For
 * information only: most of the time is the server's and the kernel's.
 */
export async function* outgoingCall(): AsyncGenerator<Row> {
  const server = http.createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new Client(origin);
  const experiments = createExperiments({
    experiments: { checkout: { id: EXPERIMENT_ID, variants: VARIANT_WEIGHTS } },
    trustInbound: true,
    propagateTo: [origin],
  });
  const wrapped = client.compose(experimentInterceptor(experiments));
  const callAll = async (dispatcher: Dispatcher): Promise<void> => {
    for (let call = 0; call < CALLS; call++) await (await request(origin, { dispatcher })).body.dump();
  };
  const time = async (dispatcher: Dispatcher, instrumented: boolean): Promise<number> => {
    const outgoing = instrumented ? instrumentOutgoing(experiments) : undefined;
    const start = performance.now();
    await inScope(experiments, () => callAll(dispatcher));
    outgoing?.[Symbol.dispose]();
    return ((performance.now() - start) * 1000) / CALLS;
  };

  const ways = [
    ["wrapped", wrapped, false],
    ["with instrumentOutgoing", client, true],
  ] as const;
  for (const [name, dispatcher, instrumented] of ways) {
    const times: Times[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const plainFirst = round % 2 === 0 ? await time(client, false) : undefined;
      const ours = await time(dispatcher, instrumented);
      const peer = plainFirst ?? (await time(client, false));
      if (round >= 0) times.push({ ours, peer });
    }
    const { ours, peer, difference } = leastDisturbed(times);
    yield {
      name: `a whole call of undici.request, ${name}`,
      figure: `${difference.toFixed(1)} µs more (${ours.toFixed(0)} µs, ${peer.toFixed(0)} µs)`,
      bound: "for information",
      holds: true,
    };
  }
  await client.close();
  await experiments.close();
  server.close();
}
