import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";

/** What inbound adapters take beside the experiments. `Native` is what the framework hands to its handlers. */
export interface InboundOptions<Native = never> {
  /**
   * `"reuse"` (default): the SERVER span is an instrumentation's. `"create"`: where no instrumentation made one, the
   * adapter does, and measures `http.server.request.duration`.
   */
  readonly serverSpan?: "reuse" | "create" | undefined;
  /**
   * Names the route of a request, with few values; it goes before the framework's own. Called once, when the response is
   * over, where the span was created. One that throws, or gives no string, means none.
   */
  readonly route?: ((request: Native) => string | undefined) | undefined;
}

/** The options as requests read them. */
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
