import { context } from "@opentelemetry/api";
import { deleteRPCMetadata, getRPCMetadata } from "@opentelemetry/core";
import { describeValue } from "../checks/describe-value.ts";
import { noteServing } from "../checks/development.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { ExperimentUsageError } from "../checks/errors.ts";
import { optionsMistake } from "../checks/option-checks.ts";
import { ownOption } from "../checks/own-option.ts";
import { isThenable } from "../checks/thenable.ts";
import type { HeaderGetter } from "../http/shapes.ts";
import type { Instance } from "../instance/instance.ts";
import type { Trust } from "../policy/trust.ts";
import { readReceived, receive } from "../propagation/received.ts";
import { scopesOf } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { placedIn } from "../scope/finding.ts";
import { RequestScope } from "../scope/request-scope.ts";
import { runInScope } from "../scope/running.ts";
import { claimConsumerSpan } from "./carried-span.ts";
import { type Carrier, isCarrier, readEntry, textOf } from "./carrier.ts";

/** The options of `run`. */
export interface RunOptions {
  /** Whether the message's own members count. Default: `trustInbound` decides by the headers; a message has no peer. */
  readonly trusted?: boolean;
}

/** The options of `runEach`. */
export interface RunEachOptions<M> extends RunOptions {
  /** Gives the headers of a message. */
  readonly carrier: (message: M) => Carrier | null | undefined;
}

/**
 * Runs a function in the scope of a message. The result and the error are the function's own; the scope ends when the
 * result settles.
 *
 * @throws ExperimentUsageError without a function; in strict mode also for a value that is not a carrier and for wrong
 *   options
 */
export function runCarried<T>(
  instance: Instance,
  carrier: Carrier | null | undefined,
  fn: () => T,
  options: RunOptions | undefined,
): T {
  checkFunction(fn, "run(carrier, fn) got no function; write run(message.headers, () => handle(message))");
  checkRunOptions(instance, "run(carrier, fn, options)", options, ["trusted"]);
  const scope = openCarried(instance, carrier, options);
  claimConsumerSpan(scope);
  return runToEnd(scope, fn);
}

/**
 * Runs a function for one message after the other, each in its own scope. The first error stops it.
 *
 * @throws ExperimentUsageError (the promise rejects) without a function; in strict mode also for wrong options
 */
export async function runEachCarried<M>(
  instance: Instance,
  messages: Iterable<M> | AsyncIterable<M>,
  options: RunEachOptions<M>,
  fn: (message: M) => unknown,
): Promise<void> {
  checkFunction(
    fn,
    "runEach(messages, options, fn) got no function; write runEach(messages, { carrier }, (message) => handle(message))",
  );
  checkRunOptions(instance, "runEach(messages, options, fn)", options, ["carrier", "trusted"]);
  if (typeof options?.carrier !== "function") {
    instance.report(
      "ERR_CARRIER",
      `runEach(…, { carrier: ${describeValue(options?.carrier)} }, …) does not say where a message has its headers; write carrier: (message) => message.headers`,
    );
  }
  for await (const message of messages) {
    const carrier = attempt("carrier", "the headers of a message could not be found", () => options?.carrier(message));
    // The active span is the batch's, so no scope claims it.
    const scope = openCarried(instance, carrier, options);
    await runToEnd(scope, () => fn(message));
  }
}

/** Throws in every mode, since without a function there is no result. @throws ExperimentUsageError */
function checkFunction(fn: unknown, message: string): void {
  if (typeof fn !== "function") throw new ExperimentUsageError("ERR_FUNCTION", message);
}

function checkRunOptions(instance: Instance, call: string, options: unknown, names: readonly string[]): void {
  if (options === undefined || options === null) return;
  const mistake = optionsMistake(call, options, names);
  if (mistake !== undefined) instance.report(mistake.code, mistake.message);
}

/** The scope of a message or a job. */
export class CarriedScope extends RequestScope {
  readonly isCarried = true;
}

/**
 * Several instances may run one message, one within the other; then their scopes form a chain. The scope of a request, or
 * of another message, is not an outer scope of this one.
 */
function outerFor(instance: Instance): RequestScope | undefined {
  const placed = placedIn(context.active());
  const here = placed === undefined ? scopeStorage().getStore() : placed;
  // Not by `instanceof`: another copy of the package has a class of its own.
  if (here === undefined || here === null || !("isCarried" in here)) return undefined;
  return scopesOf(here).some(({ owner }) => owner === instance) ? undefined : here;
}

function openCarried(
  instance: Instance,
  carrier: Carrier | null | undefined,
  options: RunOptions | undefined,
): RequestScope {
  instance.isMounted = true;
  const trust = trustOf(instance, ownOption(options, "trusted"));
  const given = isCarrier(carrier) ? carrier : undefined;
  if (given === undefined && carrier !== undefined && carrier !== null) {
    instance.report("ERR_CARRIER", `run(${describeValue(carrier)}, …) has no carrier; give it the message's headers`);
  }
  const outer = outerFor(instance);
  if (given === undefined) return new CarriedScope(instance, outer);
  return readCarried(instance, () => readEntry(given, "baggage").lines.join(","), headerOf(given), outer, trust);
}

/** Opens a scope, and adds the assignments and fields of a carrier. Never throws. */
export function readCarried(
  instance: Instance,
  baggage: () => string,
  header: HeaderGetter,
  outer: RequestScope | undefined,
  trust?: Trust,
): RequestScope {
  const scope = new CarriedScope(instance, outer);
  try {
    const line = baggage();
    if (line === "") return scope;
    noteServing();
    receive(scope, readReceived(instance, line, { header, peer: undefined }, trust));
  } catch (error) {
    warnOnce("carrier", "a message could not be read, so it has no variant from its sender", error);
  }
  return scope;
}

/** Undefined if `trustInbound` is to decide. */
function trustOf(instance: Instance, trusted: unknown): Trust | undefined {
  if (trusted === undefined) return undefined;
  if (typeof trusted !== "boolean") {
    instance.report(
      "ERR_OPTION_VALUE",
      `trusted is ${describeValue(trusted)}, which counts as false; write true or false`,
    );
  }
  return { trusts: () => trusted === true, explain: () => "the option trusted of run is false" };
}

/** Reads a carrier's headers as text, by lower-case name. */
function headerOf(carrier: Carrier): HeaderGetter {
  return (name) => {
    const values = readEntry(carrier, name.toLowerCase()).lines.map(textOf);
    return values.length < 2 ? values[0] : values;
  };
}

/** Runs a function in a scope, which ends when the result settles. */
export function runToEnd<T>(scope: RequestScope, fn: () => T): T {
  let result: T;
  try {
    result = runApart(scope, fn);
  } catch (error) {
    scope.end();
    throw error;
  }
  if (!isThenable(result)) {
    scope.end();
    return result;
  }
  // A lazy thenable, such as a query, starts here, in the scope.
  const settled = runApart(scope, () => Promise.resolve(result).finally(() => scope.end()));
  return settled as T; // why: it settles as the function's own promise does
}

/** Runs in a scope without the RPC metadata of a surrounding request: spans would be taken for that request's. */
function runApart<T>(scope: RequestScope, fn: () => T): T {
  const active = context.active();
  return getRPCMetadata(active) === undefined
    ? runInScope(scope, fn)
    : context.with(deleteRPCMetadata(active), () => runInScope(scope, fn));
}
