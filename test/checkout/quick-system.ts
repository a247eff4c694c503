import { SERVICE_NAMES, type ServiceName } from "../../examples/checkout/system/services.ts";
import { type System, startSystem } from "../../examples/checkout/system/system.ts";

/** So that a test need not wait for what it looks at. */
const QUICK = { OTEL_BSP_SCHEDULE_DELAY: "50", OTEL_BLRP_SCHEDULE_DELAY: "50", OTEL_METRIC_EXPORT_INTERVAL: "500" };

/** Starts the shop, with exports at short intervals and more variables for single services. */
export function startQuickSystem(
  variables: Partial<Record<ServiceName, Record<string, string>>> = {},
): Promise<System> {
  const environment = SERVICE_NAMES.map((name) => [
    name,
    { ...QUICK, OTEL_METRIC_EXPORT_TIMEOUT: "500", ...variables[name] },
  ]);
  return startSystem({ environment: Object.fromEntries(environment) as typeof variables }); // why: one for each name
}
