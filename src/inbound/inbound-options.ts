import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";

/** The options of inbound adapters. `Native` is the framework's object for its handlers. */
export interface InboundOptions<Native = never> {
  /**
   * `"reuse"` (default): uses the SERVER span of an instrumentation. `"create"`: if no instrumentation made one, the
   * adapter creates it, and measures `http.server.request.duration`.
   */
  readonly serverSpan?: "reuse" | "create" | undefined;
  /**
   * Gives the route of a request, one of few values; it takes precedence over the framework's. Called once, when the
   * response is over, if the span was created. If it throws or gives no string, the request has no route from it.
   */
  readonly route?: ((request: Native) => string | undefined) | undefined;
}

/** The checked options. */
export interface CompiledInboundOptions {
  readonly createsServerSpan: boolean;
  readonly route: ((native: object) => unknown) | undefined;
}

/** @throws ExperimentConfigError */
export function compileInboundOptions(options: unknown): CompiledInboundOptions {
  if (options === undefined) return { createsServerSpan: false, route: undefined };
  const { serverSpan, route } = checkOptions("an adapter", options, ["serverSpan", "route"]);
  if (serverSpan !== undefined && serverSpan !== "reuse" && serverSpan !== "create") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `serverSpan is ${describeValue(serverSpan)}; write "reuse" or "create"`,
    );
  }
  if (route !== undefined && typeof route !== "function") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `route is ${describeValue(route)}; write (request) => string | undefined`,
    );
  }
  return {
    createsServerSpan: serverSpan === "create",
    route: route === undefined ? undefined : (native) => Reflect.apply(route, undefined, [native]),
  };
}
