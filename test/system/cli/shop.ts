import { boolean, defineFields, integer, list, oneOf, text } from "../../../src/fields/index.ts";
import { createExperiments, defineExperiments } from "../../../src/index.ts";

// What the command line is shown. It keeps the process busy, as a module that starts a server does.

export const registry = defineExperiments({
  checkout: { id: "checkout_1", variants: { control: 2, express: 1 }, coverage: 0.5 },
  search: { id: "search_1", variants: ["bm25", "semantic"], status: "stopped", assigner: () => "bm25" },
});

export const fields = defineFields({
  user_tier: oneOf("free", "premium").on("span", "log", "metric"),
  is_premium: boolean(),
  item_count: integer({ min: 0, max: 999 }).on("span").mutable(),
  features: list({ maxItems: 4 }),
  region: text({ pattern: /[a-z]+/ }),
});

export const experiments = createExperiments({ experiments: registry, fields, trustInbound: true });

setInterval(() => undefined, 1000);
