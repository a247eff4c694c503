import type { CallerAnswer, CallerQuestion } from "./caller.ts";
import type { CallerOrder, Kind, ServerOrder } from "./cases.ts";
import type { GeneratorAnswer, GeneratorQuestion } from "./generator.ts";
import type { LoadResult, Until } from "./load.ts";
import type { Period, Subject } from "./rounds.ts";
import type { ServerAnswer, ServerQuestion } from "./server.ts";
import { Worker } from "./worker.ts";

/** As many spans as the SDK keeps at most until it exports them. */
const SPAN_QUEUE = 2048;

/** Puts load on a port. */
export type Load = (port: number, kind: Kind, until: Until, reads: boolean) => Promise<LoadResult>;

/** The process that puts load on servers, and that answers outgoing calls. */
export class Generator {
  readonly #worker = new Worker<GeneratorQuestion, GeneratorAnswer>("generator.ts", {});
  readonly load: Load = async (port, kind, until, reads) => {
    const { result } = await this.#worker.ask({ do: "load", port, kind, until, reads });
    if (result === undefined) throw new Error("the generator put no load on the server");
    return result;
  };

  /** The origin that answers outgoing calls, and the calls since the last question. */
  open(): Promise<GeneratorAnswer> {
    return this.#worker.ask({ do: "open" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}

/** A server in a process of its own. */
export class ServerProcess {
  readonly #worker: Worker<ServerQuestion, ServerAnswer>;
  readonly #order: ServerOrder;
  readonly #load: Load;

  constructor(order: ServerOrder, load: Load, flags: readonly string[] = []) {
    this.#order = order;
    this.#load = load;
    this.#worker = new Worker("server.ts", order, flags);
  }

  /** The server under one kind of request. */
  under(kind: Kind): Subject {
    return {
      work: (until) => this.#work(kind, until),
      collect: () => this.#worker.ask({ do: "collect" }),
    };
  }

  async #work(kind: Kind, until: Until): Promise<Period> {
    const { telemetry, form } = this.#order;
    const reads = form === "ours" || form === "hand";
    const { port } = await this.#worker.ask({ do: "begin" });
    const { requests, seconds, p99 } = await this.#load(port, kind, until, reads);
    const { spending, marked } = await this.#worker.ask({ do: "end" });
    if (spending === undefined) throw new Error("the server has no accounts");
    // What a server does is checked, since one that does less is cheaper. Spans are exported in batches.
    const marks = telemetry !== "no-sdk" && reads && (kind === "own" || kind === "proxying");
    if (marks && requests > SPAN_QUEUE && marked === 0) throw new Error("the server spans have no variants");
    return { spending, requests, seconds, p99 };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}

/** A process that makes outgoing calls. */
export class CallerProcess implements Subject {
  readonly #worker: Worker<CallerQuestion, CallerAnswer | undefined>;
  readonly #order: CallerOrder;
  readonly #generator: Generator;

  constructor(order: CallerOrder, generator: Generator, flags: readonly string[] = []) {
    this.#order = order;
    this.#generator = generator;
    this.#worker = new Worker("caller.ts", order, flags);
  }

  async work(until: Until): Promise<Period> {
    await this.#generator.open();
    const answer = await this.#worker.ask(until);
    if (answer === undefined) throw new Error("the caller has no accounts");
    const { spending, calls, seconds } = answer;
    const arrived = await this.#generator.open();
    const expected = this.#order.form === "ours" ? calls : 0;
    if (arrived.calls !== calls || arrived.withVariant !== expected) {
      const { client, form } = this.#order;
      throw new Error(
        `${client}, ${form}: ${arrived.withVariant} of ${arrived.calls} calls brought a variant; ${expected} of ${calls} should`,
      );
    }
    return { spending, requests: calls, seconds, p99: undefined };
  }

  collect(): Promise<unknown> {
    return this.#worker.ask({ collect: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}
