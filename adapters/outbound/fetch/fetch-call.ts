import {
  attempt,
  type CalledRequest,
  copyOfGiven,
  type FirstDestination,
  GivenHeaders,
  type HeaderLines,
  type OutboundRequest,
} from "../../../src/adapter.ts";
import { markingDispatcher } from "./marking-dispatcher.ts";

/** The part of a Request, of any implementation, that is read. */
interface RequestLike {
  readonly url: unknown;
  readonly headers: unknown;
}

/** One call of a wrapped fetch. The arguments are read only if the call needs it, and no caller's object is changed. */
export class FetchCall implements CalledRequest {
  readonly #given: readonly unknown[];
  /** Whether `init` may be null: undici's fetch takes it, others throw. */
  readonly #takesNull: boolean;
  /** A copy of `init`, from which its headers were read. */
  #init: Record<PropertyKey, unknown> | undefined;
  #headers: GivenHeaders | undefined;

  constructor(given: readonly unknown[], takesNull: boolean) {
    this.#given = given;
    this.#takesNull = takesNull;
  }

  get header(): HeaderLines {
    return (name) => this.#read()?.lines(name) ?? [];
  }

  /** The arguments without an addition. */
  get args(): readonly unknown[] {
    if (this.#init === undefined) return this.#given;
    const headers = this.#headers?.value;
    if (headers !== undefined) this.#init["headers"] = headers;
    return [this.#given[0], this.#init, ...this.#given.slice(2)];
  }

  /** The arguments with the headers that the request adds; if it adds none, or they cannot be read, the caller's own. */
  with(outboundRequest: OutboundRequest): readonly unknown[] {
    return attempt("egress", UNREADABLE, () => this.#with(outboundRequest)) ?? this.args;
  }

  #with(outboundRequest: OutboundRequest): readonly unknown[] | undefined {
    if (this.#given.length === 0) return undefined;
    const [input, given, ...rest] = this.#given;
    // Its `toString` is called once.
    const target = isConverted(input) ? String(input) : input;
    const first = firstOf(target);
    const headers = outboundRequest.adds(first) ? this.#read() : undefined;
    if (outboundRequest.makesSpans) this.#mark(given);
    if (headers === undefined) return target === input ? undefined : [target, ...this.args.slice(1)];
    const init = this.#init ?? {};
    init["headers"] = headers.with(outboundRequest, first);
    return [target, init, ...rest];
  }

  #mark(given: unknown): void {
    const init = this.#init ?? given;
    const dispatcher: unknown = isObject(init) ? Reflect.get(init, "dispatcher") : undefined;
    if (!isObject(dispatcher) || !isObject(given)) return;
    this.#init ??= copyOfGiven(given);
    this.#init["dispatcher"] = markingDispatcher(dispatcher);
  }

  /** Undefined if `init` is none. */
  #read(): GivenHeaders | undefined {
    if (this.#headers !== undefined) return this.#headers;
    const [input, init] = this.#given;
    if (isObject(init) || typeof init === "function") this.#init = copyOfGiven(init);
    else if (init !== undefined && !(init === null && this.#takesNull)) return undefined;
    const given = this.#init?.["headers"];
    this.#headers = new GivenHeaders(given === undefined ? requestOf(input)?.headers : given, "pairs");
    return this.#headers;
  }
}

const UNREADABLE = "the arguments of a fetch could not be read, so the call passes nothing on";

function requestOf(input: unknown): RequestLike | undefined {
  return isObject(input) && "headers" in input && "url" in input ? input : undefined;
}

/** Whether fetch converts it to text, as every object that is neither a Request nor a URL. */
function isConverted(input: unknown): boolean {
  return isObject(input) && requestOf(input) === undefined && !(input instanceof URL);
}

function firstOf(input: unknown): FirstDestination {
  if (typeof input === "string" || input instanceof URL) return input;
  const url = requestOf(input)?.url;
  return typeof url === "string" ? url : null;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
