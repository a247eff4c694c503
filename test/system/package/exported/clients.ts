import { formatBaggage, mergeBaggage, parseBaggage } from "otel-experiments/baggage";
import { experimentFetch } from "otel-experiments/fetch";
import { flow } from "otel-experiments/flow";
import { openFeatureAssigner, openFeatureHook } from "otel-experiments/openfeature";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor, ignoreExperimentRequests } from "otel-experiments/undici";
import { Agent, fetch as undiciFetch } from "undici";
import { experiments, inline } from "./experiments.js";

export const send = experimentFetch(experiments);
export const sendWithSpans = experimentFetch(experiments, { spans: true });
export const sendByUndici = experimentFetch(inline, undiciFetch, { spans: true });
export const interceptor = experimentInterceptor(experiments, { spans: true });
export const agent = new Agent().compose(interceptor);
export const ignores = ignoreExperimentRequests;
export const outgoing = instrumentOutgoing(experiments);

export const checkout = flow(experiments, "checkout", { converts: "order_placed", attribution: "each" });
export const ran = checkout.run(async (step) => {
  const paid = await step("paying", ({ step: within }) => within("charging", () => 1));
  return { paid };
});
export const steps = (run: typeof checkout.run) => run((step) => step);

export const assigner = openFeatureAssigner({ getStringDetails: async () => ({ value: "express" }) }, { flag: "c" });
export const hook = openFeatureHook(experiments, { experiments: { flag: "checkout" } });

export const members = parseBaggage("a=1;b=2");
export const line = formatBaggage(members);
export const merged = mergeBaggage(line, members);
export const properties = members.map((member) => member.properties);
