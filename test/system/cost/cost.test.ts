import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FRAMEWORKS } from "../../../bench/servers/cases.ts";
import { survivedIn } from "../../../bench/servers/figures.ts";
import { load } from "../../../bench/servers/load.ts";
import { ServerProcess } from "../../../bench/servers/processes.ts";
import type { Period } from "../../../bench/servers/rounds.ts";

// The short form of `npm run bench -- servers`: V8's bytes per request of a server with us, above those of one without.
// They depend neither on the clock nor on other processes.

/** The compilers are done by then, in both servers. The second kind of request finds most code compiled. */
const WARM_UP = { plain: 1500, own: 500 } as const;
const REQUESTS = 500;
const ROUNDS = 2;

/**
 * The same random numbers and hashes in each run, collections after the same number of bytes, and no compiler beside the
 * server, which would be done at another moment in each run: compiled code allocates less.
 */
const FLAGS = [
  "--random-seed=7",
  "--hash-seed=7",
  "--min-semi-space-size=1",
  "--max-semi-space-size=1",
  "--no-concurrent-recompilation",
];

/**
 * Above a bare server, per request: what holds today on the pinned Node, with a sixth of room. They are to become the limits
 * of the bench (`serverLimits`): 300 and 1500 bytes allocated, 100 surviving.
 */
const BOUNDS = {
  "no-sdk": { plain: 4_900, own: 5_900, surviving: 19_500 },
  sdk: { plain: 7_000, own: 9_100, surviving: 34_000 },
} as const;

const cases = FRAMEWORKS.flatMap((framework) =>
  (["no-sdk", "sdk"] as const).map((telemetry) => ({ framework, telemetry })),
);

describe.each(cases)("$framework, $telemetry", ({ framework, telemetry }) => {
  const bounds = BOUNDS[telemetry];
  let bare: ServerProcess;
  let ours: ServerProcess;
  beforeAll(() => {
    const order = { framework, telemetry, origin: "http://127.0.0.1:9" };
    bare = new ServerProcess({ ...order, form: "bare" }, load, FLAGS);
    ours = new ServerProcess({ ...order, form: "ours" }, load, FLAGS);
  });
  afterAll(async () => {
    await bare[Symbol.asyncDispose]();
    await ours[Symbol.asyncDispose]();
  });

  test("CST-01 a request without baggage allocates within the bound, and little of it survives a collection", async () => {
    const more = await measure(bare, ours, "plain");
    expect(more.allocated).toBeLessThan(bounds.plain);
    expect(more.survived).toBeLessThan(bounds.surviving);
  });

  test("CST-02 a request with a variant allocates within the bound, and little of it survives a collection", async () => {
    const more = await measure(bare, ours, "own");
    expect(more.allocated).toBeLessThan(bounds.own);
    expect(more.survived).toBeLessThan(bounds.surviving);
  });
});

interface Bytes {
  readonly allocated: number;
  readonly survived: number;
}

async function measure(bare: ServerProcess, ours: ServerProcess, kind: keyof typeof WARM_UP): Promise<Bytes> {
  const [less, more] = [await leastOf(bare, kind), await leastOf(ours, kind)];
  return { allocated: more.allocated - less.allocated, survived: more.survived - less.survived };
}

/** The least of the rounds, since a timer or a late compilation adds to one of them. */
async function leastOf(server: ServerProcess, kind: keyof typeof WARM_UP): Promise<Bytes> {
  const subject = server.under(kind);
  await subject.work({ requests: WARM_UP[kind] });
  const periods: Period[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await subject.collect();
    periods.push(await subject.work({ requests: REQUESTS }));
  }
  return {
    allocated: Math.min(...periods.map(({ spending, requests }) => spending.allocated / requests)),
    survived: Math.min(...periods.map((period) => survivedIn([period]))),
  };
}
