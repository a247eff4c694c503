import { join } from "node:path";
import type { ClientOptions } from "otel-experiments/adapter";
import type { OutboundHarness } from "otel-experiments/testing";
import { adaptersOf } from "../../../package-entries.ts";

/** The exports of an adapter's file, which is found by the adapter's name in `package-entries.ts`. */
interface HarnessFile {
  /** Harnesses on each installed client, over each dispatcher and agent. */
  harnesses(options?: ClientOptions): readonly OutboundHarness[];
}

const files = await Promise.all(
  // why: if a file exports something else, the suites fail
  adaptersOf("outbound").map((name) => import(join(import.meta.dirname, `${name}.ts`)) as Promise<HarnessFile>),
);

/** Every wrapped client, over every dispatcher and agent that it supports. */
export function outboundHarnesses(options?: ClientOptions): readonly OutboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses(options));
}
