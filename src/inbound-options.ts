import { ExperimentConfigError } from "./errors.ts";
import { show } from "./show.ts";

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
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      `the options of an adapter are ${show(options)}; write { serverSpan: "create" }`,
    );
  }
  const { serverSpan, route, ...others } = options as InboundOptions; // why: its values are checked below, each by itself
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      `the option ${show(unknown)} of an adapter is unknown; there are serverSpan and route`,
    );
  }
  if (serverSpan !== undefined && serverSpan !== "reuse" && serverSpan !== "create") {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `serverSpan is ${show(serverSpan)}; write "reuse" or "create"`);
  }
  if (route !== undefined && typeof route !== "function") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `route is ${show(route)}; write (request) => string | undefined`,
    );
  }
  return {
    createsServerSpan: serverSpan === "create",
    route: route === undefined ? undefined : (native) => Reflect.apply(route, undefined, [native]),
  };
}
