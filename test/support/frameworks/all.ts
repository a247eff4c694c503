import { join } from "node:path";
import type { InboundOptions } from "otel-experiments/adapter";
import type { InboundHarness } from "otel-experiments/testing";
import { adaptersOf } from "../../../package-entries.ts";

/** The options that all adapters share. */
type CommonOptions = Pick<InboundOptions, "serverSpan">;

/** The exports of an adapter's file, which is found by the adapter's name in `package-entries.ts`. */
interface HarnessFile {
  /** Harnesses for each installed version of the framework, the newest first. The call requires the framework. */
  harnesses(options?: CommonOptions): readonly InboundHarness[];
}

const files = await Promise.all(
  // why: if a file exports something else, the suites fail
  adaptersOf("inbound").map((name) => import(join(import.meta.dirname, `${name}.ts`)) as Promise<HarnessFile>),
);

/** Every adapter on each version of its framework. Call it after the instrumentations are enabled. */
export function inboundHarnesses(options?: CommonOptions): readonly InboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses(options));
}

/** Every adapter on the newest version of its framework. Call it after the instrumentations are enabled. */
export function newestHarnesses(): readonly InboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses().slice(0, 1));
}
