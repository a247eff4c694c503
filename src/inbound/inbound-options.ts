import type { SubjectAttributes } from "../assignment/definition.ts";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions, type GivenOptions, listOf } from "../checks/option-checks.ts";
import type { Instance } from "../instance/instance.ts";
import type { VisitorOptions } from "./visitor.ts";

/** The options of inbound adapters. `Native` is the framework's object for its handlers, `Key` an experiment's key. */
export interface InboundOptions<Native = never, Key extends string = never> {
  /**
   * Gives the subject of a request, such as the user's id; undefined, null or `""` if it has none. Called at most once
   * for each request and mount, when an assignment needs it. If it throws, rejects, takes more than 250 ms or gives
   * anything else, nothing is assigned.
   */
  readonly subject?:
    | ((request: Native) => string | null | undefined | PromiseLike<string | null | undefined>)
    | undefined;
  /**
   * Gives the attributes for `targeting` and assigners. Called at most once for each request and mount, when an
   * assignment needs them. If it fails, experiments with `targeting` or an assigner are not assigned.
   */
  readonly attributes?:
    | ((request: Native) => SubjectAttributes | null | undefined | PromiseLike<SubjectAttributes | null | undefined>)
    | undefined;
  /**
   * The experiments that are assigned to the subject before the handlers run. Those with an assigner, and all if there is
   * a store, are awaited, within their time limits.
   */
  readonly assign?: readonly Key[] | undefined;
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
  /** Undefined if the options say nothing about the visitor. */
  readonly visitor: VisitorOptions | undefined;
}

/** @throws ExperimentConfigError */
export function compileInboundOptions(options: unknown, instance: Instance): CompiledInboundOptions {
  if (options === undefined) return { createsServerSpan: false, route: undefined, visitor: undefined };
  const given = checkOptions("an adapter", options, ["serverSpan", "route", "subject", "attributes", "assign"]);
  const { serverSpan } = given;
  if (serverSpan !== undefined && serverSpan !== "reuse" && serverSpan !== "create") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `serverSpan is ${describeValue(serverSpan)}; write "reuse" or "create"`,
    );
  }
  return {
    createsServerSpan: serverSpan === "create",
    route: compileFunction("route", given.route, "(request) => string | undefined"),
    visitor: compileVisitor(given, instance),
  };
}

function compileVisitor(
  given: GivenOptions<"subject" | "attributes" | "assign">,
  instance: Instance,
): VisitorOptions | undefined {
  const subject = compileFunction("subject", given.subject, "(request) => string | undefined");
  const attributes = compileFunction("attributes", given.attributes, "(request) => ({ … })");
  const { declared } = instance.catalog;
  const assign = listOf(
    "assign",
    given.assign,
    isKeyOf(declared),
    `keys of declared experiments: ${[...declared.keys()].join(", ")}`,
  );
  if (subject === undefined && attributes === undefined && assign === undefined) return undefined;
  if (subject === undefined && instance.options.store?.visitor === undefined) {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `${assign === undefined ? "attributes" : "assign"} is given without a subject; write subject: (request) => string | undefined beside it`,
    );
  }
  return { subject, attributes, assign: [...new Set(assign)] };
}

function isKeyOf(declared: ReadonlyMap<string, unknown>): (key: unknown) => key is string {
  return (key): key is string => typeof key === "string" && declared.has(key);
}

function compileFunction(name: string, value: unknown, fix: string): ((native: object) => unknown) | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "function") return (native) => Reflect.apply(value, undefined, [native]);
  throw new ExperimentConfigError("ERR_OPTION_VALUE", `${name} is ${describeValue(value)}; write ${fix}`);
}
