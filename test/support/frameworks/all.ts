import { join } from "node:path";
import type { InboundOptions } from "otel-experiments/adapter";
import type { InboundHarness } from "otel-experiments/testing";
import { adaptersOf } from "../../../package-entries.ts";

/** Options that every adapter has, whatever its framework. */
type CommonOptions = Pick<InboundOptions, "serverSpan">;

/** What the file of an adapter exports. It is found by the adapter's name in `package-entries.ts`. */
interface HarnessFile {
  /** Harnesses on each installed version of the framework, the newest first. It requires the framework when called. */
  harnesses(options?: CommonOptions): readonly InboundHarness[];
}

const files = await Promise.all(
  // why: a file that exports something else fails the suites
  adaptersOf("inbound").map((name) => import(join(import.meta.dirname, `${name}.ts`)) as Promise<HarnessFile>),
);

/** Every adapter on each version of its framework. To be called once the instrumentations are in place. */
export function inboundHarnesses(options?: CommonOptions): readonly InboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses(options));
}

/** Every adapter on the newest version of its framework. To be called once the instrumentations are in place. */
export function newestHarnesses(): readonly InboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses().slice(0, 1));
}
