import { headerValues, type WireMessage } from "../../../testing/wire/http-bytes.ts";
import { own } from "../service-stage.ts";

/** The variants of the requests, six of them. */
const VARIANTS = ["a", "b", "c", "d", "e", "f"] as const;

type Variant = (typeof VARIANTS)[number];

/** One way to ask a server, which is `startDisorderlyServer`'s. */
export interface Way {
  readonly name: string;
  /** What the path begins with, and so what is answered: at once, with a redirect, or only the second time. */
  readonly path: "/plain/" | "/hop/" | "/try/";
  /** Requests that arrive for each call. */
  readonly hops: number;
  open(): OpenWay;
}

export interface OpenWay {
  /** Asks, and reads the answer to its end. */
  get(url: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** One call, made while a request of that variant is served. */
interface Call {
  readonly way: Way;
  readonly variant: Variant;
  readonly url: string;
}

export interface Load {
  readonly ways: readonly Way[];
  /** Where the server is. */
  readonly origin: string;
  /** How many calls there are, in turn through each of the ways. */
  readonly calls: number;
  /** How many are under way at a time; many more than the connections of a small pool. */
  readonly atOnce: number;
  /** Runs a function while a request is served that comes with this baggage. */
  serve(baggage: string, fn: () => Promise<unknown>): Promise<unknown>;
  /** What else a request does, beside its call: log, measure, make spans. */
  readonly beside?: (call: Call) => unknown;
}

/** Makes the calls of all ways among each other, and waits for the last answer. */
export async function interleave({ ways, origin, calls, atOnce, serve, beside }: Load): Promise<void> {
  const open = ways.map((way) => ({ way, ...way.open() }));
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let turn = next++; turn < calls; turn = next++) {
      const index = turn % open.length;
      const { way, get } = open[index] ?? fail();
      // Round by round, so that each way has all variants, however many ways there are.
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

/** How many of the requests that arrived have their own variant, another one's, and none. */
export interface Tally {
  readonly right: number;
  readonly wrong: number;
  readonly missing: number;
}

/** The requests that arrived, by the name of the way that they came. */
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
