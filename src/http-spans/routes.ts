import { warnOnce } from "../checks/diagnostics.ts";
import { processWide } from "../process-wide.ts";

/**
 * Routes that a process measures. An application has fewer routes than this. Adapters give routes as they are declared, so
 * callers cannot use up the places; a function that names routes from what callers sent would.
 */
const MAX_ROUTES = 200;

const measuredRoutes = processWide("routes.v1", () => new Set<string>());

/** The route if it may be measured; undefined for a value that is not a route, and for a new one beyond `MAX_ROUTES`. */
export function boundedRoute(route: unknown): string | undefined {
  if (route === undefined || route === null || route === "") return undefined;
  if (typeof route !== "string") {
    warnOnce("route", `a route is ${typeof route} and not a string, so the request has none`);
    return undefined;
  }
  const routes = measuredRoutes();
  if (routes.has(route)) return route;
  if (routes.size >= MAX_ROUTES) {
    warnOnce(
      "route",
      `there are more than ${MAX_ROUTES} routes, so further ones are left out; give the adapter route: (request) => string`,
    );
    return undefined;
  }
  routes.add(route);
  return route;
}
