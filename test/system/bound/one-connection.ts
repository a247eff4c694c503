import { AsyncResource } from "node:async_hooks";
import { context } from "@opentelemetry/api";

/**
 * A pool with one connection. It calls every callback in the async context of the code that opened the connection, and
 * in the OpenTelemetry context of the callback's own caller, as the instrumentations of pg, mysql2, generic-pool,
 * lru-memoizer and amqplib bind it.
 */
export class OneConnection {
  readonly #waiting: (() => void)[] = [];
  readonly #from: number;
  #connection: AsyncResource | undefined;

  /** @param from how many callbacks wait before the first one is called */
  constructor(from: number) {
    this.#from = from;
  }

  /** Calls back when the connection is free. */
  acquire(callback: () => void): void {
    this.#connection ??= new AsyncResource("Connection");
    this.#waiting.push(context.bind(context.active(), callback));
    if (this.#waiting.length === this.#from) this.#connection.runInAsyncScope(() => setImmediate(() => this.#next()));
  }

  #next(): void {
    const callback = this.#waiting.shift();
    if (callback === undefined) return;
    setImmediate(() => this.#next());
    callback();
  }
}
