/** Flows of steps, such as a checkout: a span, a status and a duration for the flow and for each step, by variant. */
export type { FlowStatus } from "./failures.ts";
export { type Flow, type FlowOptions, flow, type Step, type StepContext } from "./flow.ts";
