import { GrowthBookClient } from "@growthbook/growthbook";
import { inbound } from "../src/adapter.ts";
import { EXPERIMENT_ID, VARIANT_WEIGHTS } from "./headers.ts";
import { leastDisturbed, type Times } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { experiments } from "./subjects.ts";

const OPERATIONS = 1000;
const ROUNDS = 61;
const WARM_UP = 15;
const FACTOR = 3;

type Variant = keyof typeof VARIANT_WEIGHTS;

/**
 * Assigns one subject in a request; the assignment is remembered, counted and traced. The peer is GrowthBook's own
 * evaluation on a server, which only decides. No exporter on either side.
 */
export async function* assigning(): AsyncGenerator<Row> {
  const open = inbound(experiments);
  const growthbook = new GrowthBookClient().initSync({ payload: { features: {} } });
  const names = Object.keys(VARIANT_WEIGHTS) as [Variant, Variant, ...Variant[]]; // why: there are more than two
  const experiment = {
    key: "checkout",
    seed: EXPERIMENT_ID,
    hashVersion: 2,
    variations: names,
    weights: names.map(() => 1 / names.length),
  } as const;
  let differing = 0;
  const ours = async (round: number): Promise<number> => {
    const scopes = Array.from({ length: OPERATIONS }, () => {
      const emitter = { emit: () => false };
      return open({ header: () => undefined, peer: undefined, request: emitter, response: { ...emitter } }).scope;
    });
    const start = performance.now();
    let i = 0;
    for (const scope of scopes) await scope.assign("checkout", `user-${round}-${i++}`);
    return performance.now() - start;
  };
  const theirs = async (round: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < OPERATIONS; i++) {
      const id = `user-${round}-${i}`;
      const { value } = growthbook.runInlineExperiment(experiment, { attributes: { id } });
      // An await on both sides, because an assigner may ask a remote service.
      await Promise.resolve(value);
    }
    return performance.now() - start;
  };
  const times: Times[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const oursFirst = round % 2 === 0;
    const first = await (oursFirst ? ours(round) : theirs(round));
    const second = await (oursFirst ? theirs(round) : ours(round));
    if (round >= 0) times.push(oursFirst ? { ours: first, peer: second } : { ours: second, peer: first });
  }
  for (let i = 0; i < OPERATIONS; i++) {
    const variant = await experiments.assign("checkout", `user-${i}`);
    const { value } = growthbook.runInlineExperiment(experiment, { attributes: { id: `user-${i}` } });
    if (variant !== value) differing++;
  }
  const { ours: our, peer } = leastDisturbed(times);
  yield {
    name: "assigning a subject, next to GrowthBook's evaluation",
    figure: `${(our / peer).toFixed(2)} times (${ns((our * 1e6) / OPERATIONS)}, ${ns((peer * 1e6) / OPERATIONS)})`,
    bound: `at most ${FACTOR} times`,
    holds: our / peer <= FACTOR && differing === 0,
  };
}
