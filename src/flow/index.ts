/** Flows of steps, such as a checkout: spans of the flow and of each step, how they end and how long they take, per variant. */
export { type Flow, type FlowOptions, flow, type RunOptions } from "./flow.ts";
export type { FlowStatus } from "./status.ts";
export type { Step, StepContext, StepOptions } from "./step.ts";
