import { context } from "@opentelemetry/api";
import { deleteRPCMetadata, getRPCMetadata } from "@opentelemetry/core";
import { describeValue } from "../checks/describe-value.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { ExperimentUsageError } from "../checks/errors.ts";
import { optionsMistake } from "../checks/option-checks.ts";
import { isThenable } from "../checks/thenable.ts";
import type { HeaderGetter } from "../http/shapes.ts";
import type { Instance } from "../instance/instance.ts";
import type { Trust } from "../policy/trust.ts";
import { readReceived, receive } from "../propagation/received.ts";
import { scopesOf } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { RequestScope } from "../scope/request-scope.ts";
import { runInScope } from "../scope/running.ts";
import { claimConsumerSpan } from "./carried-span.ts";
import { type Carrier, isCarrier, readEntry, textOf } from "./carrier.ts";

/** Who is believed. */
export interface RunOptions {
  /** Whether the broker is, for this call. Without it `trustInbound` decides by the headers; a message has no peer. */
  readonly trusted?: boolean;
}

/** How the messages of a batch are run. */
export interface RunEachOptions<M> extends RunOptions {
  /** Where a message has its headers. */
  readonly carrier: (message: M) => Carrier | null | undefined;
}

/**
 * Runs a function in the scope of a message. The result and the error are the function's own; the scope ends when it
 * settles.
 *
 * @throws ExperimentUsageError without a function, and in strict mode for what is no carrier and for wrong options
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
 * @throws ExperimentUsageError without a function, and in strict mode for wrong options; the promise rejects
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
    // The active span is the batch's, and so is nobody's.
    const scope = openCarried(instance, carrier, options);
    await runToEnd(scope, () => fn(message));
  }
}

/** Without a function there is no result to give, so this throws in every mode. @throws ExperimentUsageError */
function checkFunction(fn: unknown, message: string): void {
  if (typeof fn !== "function") throw new ExperimentUsageError("ERR_FUNCTION", message);
}

function checkRunOptions(instance: Instance, call: string, options: unknown, names: readonly string[]): void {
  if (options === undefined || options === null) return;
  const mistake = optionsMistake(call, options, names);
  if (mistake !== undefined) instance.report(mistake.code, mistake.message);
}

/** The scope of a message or a job. */
class CarriedScope extends RequestScope {
  readonly isCarried = true;
}

/**
 * Several instances may run one message, each within the other, as they may be mounted on one request. Whatever else is
 * under way, a request or another message, is not what this one belongs to.
 */
function outerFor(instance: Instance): RequestScope | undefined {
  const here = scopeStorage().getStore();
  // Not by the class, of which another copy of this package has its own.
  if (here === undefined || !("isCarried" in here)) return undefined;
  return scopesOf(here).some(({ owner }) => owner === instance) ? undefined : here;
}

function openCarried(
  instance: Instance,
  carrier: Carrier | null | undefined,
  options: RunOptions | undefined,
): RequestScope {
  const trust = trustOf(instance, options?.trusted);
  const given = isCarrier(carrier) ? carrier : undefined;
  if (given === undefined && carrier !== undefined && carrier !== null) {
    instance.report("ERR_CARRIER", `run(${describeValue(carrier)}, …) has no carrier; give it the message's headers`);
  }
  const outer = outerFor(instance);
  if (given === undefined) return new CarriedScope(instance, outer);
  return readCarried(instance, () => readEntry(given, "baggage").lines.join(","), headerOf(given), outer, trust);
}

/** Opens a scope and adds what a carrier brings. Never throws. */
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
    if (line !== "") receive(scope, readReceived(instance, line, { header, peer: undefined }, trust));
  } catch (error) {
    warnOnce("carrier", "a message could not be read, so it has no variant from its sender", error);
  }
  return scope;
}

/** Undefined for what the instance says. */
function trustOf(instance: Instance, trusted: unknown): Trust | undefined {
  if (trusted === undefined) return undefined;
  if (typeof trusted !== "boolean") {
    instance.report(
      "ERR_OPTION_VALUE",
      `trusted is ${describeValue(trusted)}, which counts as no; write true or false`,
    );
  }
  return { trusts: () => trusted === true, explain: () => "the option trusted of run says so" };
}

/** As a request's headers are asked for: by lower-case name, as text. */
function headerOf(carrier: Carrier): HeaderGetter {
  return (name) => {
    const values = readEntry(carrier, name.toLowerCase()).lines.map(textOf);
    return values.length < 2 ? values[0] : values;
  };
}

function runToEnd<T>(scope: RequestScope, fn: () => T): T {
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
  // A query that starts when it is awaited starts here, in the scope.
  const settled = runApart(scope, () => Promise.resolve(result).finally(() => scope.end()));
  return settled as T; // why: it settles as the function's own promise does
}

/** Without the RPC metadata of a request around it, since whatever has those is taken for that request's. */
function runApart<T>(scope: RequestScope, fn: () => T): T {
  const active = context.active();
  return getRPCMetadata(active) === undefined
    ? runInScope(scope, fn)
    : context.with(deleteRPCMetadata(active), () => runInScope(scope, fn));
}
