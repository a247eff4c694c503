import { processWide } from "../process-wide.ts";
import type { Instance } from "./instance.ts";

/** The instances of the process that are not closed, in the order in which they were made. */
export const liveInstances: () => Set<Instance> = processWide("instances.v1", () => new Set());
