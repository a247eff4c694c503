import { headerValues, type WireMessage } from "../../../testing/wire/http-bytes.ts";
import { own } from "../service-stage.ts";

/** The six variants of the requests. */
const VARIANTS = ["a", "b", "c", "d", "e", "f"] as const;

type Variant = (typeof VARIANTS)[number];

/** One way to request a server that `startDisorderlyServer` returned. */
export interface Way {
  readonly name: string;
  /** The start of the path. It decides the answer: at once, after a redirect, or only at the second attempt. */
  readonly path: "/plain/" | "/hop/" | "/try/";
  /** The number of requests that arrive for each call. */
  readonly hops: number;
  open(): OpenWay;
}

export interface OpenWay {
  /** Sends a request, and reads the answer to its end. */
  get(url: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** One call, made while a request with that variant is served. */
interface Call {
  readonly way: Way;
  readonly variant: Variant;
  readonly url: string;
}

export interface Load {
  readonly ways: readonly Way[];
  /** The server's origin. */
  readonly origin: string;
  /** The total number of calls, shared equally by the ways. */
  readonly calls: number;
  /** The number of simultaneous calls: many more than the connections of a small pool. */
  readonly atOnce: number;
  /** Runs a function while a request with this baggage is served. */
  serve(baggage: string, fn: () => Promise<unknown>): Promise<unknown>;
  /** Other work of a request, besides its call: log, measure, make spans. */
  readonly beside?: (call: Call) => unknown;
}

/** Makes the calls of all ways, interleaved, and waits for the last answer. */
export async function interleave({ ways, origin, calls, atOnce, serve, beside }: Load): Promise<void> {
  const open = ways.map((way) => ({ way, ...way.open() }));
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let turn = next++; turn < calls; turn = next++) {
      const index = turn % open.length;
      const { way, get } = open[index] ?? fail();
      // The variant changes after a call of each way, so every way has all variants, whatever the number of ways.
      const variant = VARIANTS[(Math.floor(turn / open.length) + index) % VARIANTS.length] ?? fail();
      const url = `${origin}${way.path}${variant}/${encodeURIComponent(way.name)}/${turn}`;
      await serve(own(variant), async () => {
        await beside?.({ way, variant, url });
        await get(url);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  for (const { close } of open) await close();
}

function fail(): never {
  throw new Error("there is no way to ask");
}

/** The number of arrived requests with their own variant, with another one's, and with none. */
export interface Tally {
  readonly right: number;
  readonly wrong: number;
  readonly missing: number;
}

/** Counts the arrived requests by the name of their way. */
export function tallyByWay(requests: readonly WireMessage[]): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, { right: number; wrong: number; missing: number }>();
  for (const { start, lines } of requests) {
    const [, variant = "", way = ""] = /\/([a-f])\/([^/]+)\/\d+ /.exec(start) ?? [];
    const name = decodeURIComponent(way);
    const tally = tallies.get(name) ?? { right: 0, wrong: 0, missing: 0 };
    tallies.set(name, tally);
    const baggage = headerValues(lines, "baggage");
    if (baggage.length === 0) tally.missing++;
    else if (baggage.join() === own(variant)) tally.right++;
    else tally.wrong++;
  }
  return tallies;
}
