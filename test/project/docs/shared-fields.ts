import { createExperiments } from "otel-experiments";
import { boolean, defineFields, integer, list, oneOf, text } from "otel-experiments/fields";

export const fields = defineFields({
  user_tier: oneOf("free", "premium").on("span", "log", "metric"),
  is_premium: boolean().on("span", "metric"),
  item_count: integer({ min: 0, max: 999 }).on("span").mutable(),
  features: list({ maxItems: 8 }),
  region: text({ pattern: /[a-z]{2}-[a-z]+-\d/ }).on("span", "log"),
});

export const experiments = createExperiments({ fields, trustInbound: true });
