import { join } from "node:path";
import type { ClientOptions } from "otel-experiments/adapter";
import type { OutboundHarness } from "otel-experiments/testing";
import { adaptersOf } from "../../../package-entries.ts";

/** What the file of an adapter exports. It is found by the adapter's name in `package-entries.ts`. */
interface HarnessFile {
  /** Harnesses on each installed client, over each dispatcher and agent. */
  harnesses(options?: ClientOptions): readonly OutboundHarness[];
}

const files = await Promise.all(
  // why: a file that exports something else fails the suites
  adaptersOf("outbound").map((name) => import(join(import.meta.dirname, `${name}.ts`)) as Promise<HarnessFile>),
);

/** Every wrapped client, over everything that it may go through. */
export function outboundHarnesses(options?: ClientOptions): readonly OutboundHarness[] {
  return files.flatMap(({ harnesses }) => harnesses(options));
}
