import { SERVICE_NAMES, type ServiceName } from "../../examples/checkout/system/services.ts";
import { type System, startSystem } from "../../examples/checkout/system/system.ts";

const VARIABLES = {
  // A test need not wait for what it looks at.
  OTEL_BSP_SCHEDULE_DELAY: "50",
  OTEL_BLRP_SCHEDULE_DELAY: "50",
  OTEL_METRIC_EXPORT_INTERVAL: "500",
  OTEL_METRIC_EXPORT_TIMEOUT: "500",
  // On a busy machine no service is taken for dead.
  PATIENCE_MS: "20000",
};

/**
 * Starts the shop, with exports at short intervals.
 *
 * @param variables more of them, for single services
 * @param onEnd called if a process ends by itself
 */
export function startQuickSystem(
  variables: Partial<Record<ServiceName, Record<string, string>>> = {},
  onEnd?: (error: Error) => void,
): Promise<System> {
  const environment = SERVICE_NAMES.map((name) => [name, { ...VARIABLES, ...variables[name] }]);
  return startSystem({
    environment: Object.fromEntries(environment) as typeof variables, // why: one for each name
    ...(onEnd && { onEnd }),
  });
}
