import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, type Dispatcher } from "undici";
import { experiments } from "./experiments.ts";

export const fetch: typeof globalThis.fetch = experimentFetch(experiments, { spans: true });
export const agent: Dispatcher = new Agent().compose(experimentInterceptor(experiments, { spans: true }));
