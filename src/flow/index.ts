/** Flows of steps, such as a checkout: spans of the flow and of each step, how they end and how long they take, per variant. */
export type { FlowStatus } from "./failures.ts";
export { type Flow, type FlowOptions, flow, type Step, type StepContext } from "./flow.ts";
