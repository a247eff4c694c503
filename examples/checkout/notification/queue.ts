import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Client, Pool } from "pg";
import { log, PATIENCE_MS } from "../service.ts";
import { inTransaction } from "../transaction.ts";

export interface Message {
  readonly headers: Record<string, string>;
  readonly body: unknown;
  /** 1 for the first delivery. */
  readonly attempt: number;
}

interface Row {
  readonly id: string;
  readonly headers: Record<string, string>;
  readonly message: unknown;
  readonly attempts: number;
}

/** Messages that are handled at once. */
const WORKERS = 4;

/** Finds messages whose retry is due, and those whose notification was lost with a connection. */
const POLL_MS = 500;

/**
 * The outbox as a queue. A message is handled in the transaction that locks its row, so a message whose handler dies
 * with its process is free again, and comes again.
 */
export class Queue {
  readonly #databaseUrl: string;
  readonly #handle: (message: Message) => Promise<void>;
  readonly #pool: Pool;
  readonly #stop = new AbortController();
  #listening: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #isWoken = false;

  constructor(databaseUrl: string, handle: (message: Message) => Promise<void>) {
    this.#databaseUrl = databaseUrl;
    this.#handle = handle;
    this.#pool = new Pool({ connectionString: databaseUrl, connectionTimeoutMillis: PATIENCE_MS });
    this.#pool.on("error", (err) => log.warn({ err }, "an idle database connection broke"));
  }

  start(): void {
    this.#listening = this.#listen();
  }

  /** Lets the messages that are being handled come to their end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#listening, this.#draining]);
    await this.#pool.end();
  }

  /** Hears of new messages as soon as they are committed, and connects again when the connection breaks. */
  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    const poll = setInterval(() => this.#wake(), POLL_MS);
    while (!signal.aborted) {
      const client = new Client({ connectionString: this.#databaseUrl });
      client.on("error", (err) => log.warn({ err }, "the queue's connection broke"));
      client.on("notification", () => this.#wake());
      try {
        await client.connect();
        await client.query("LISTEN outbox");
        this.#wake();
        await once(client, "end", { signal });
      } catch (err) {
        if (!signal.aborted) log.warn({ err }, "the queue is not heard; trying again");
      }
      await client.end();
      if (!signal.aborted) await pause(POLL_MS);
    }
    clearInterval(poll);
  }

  #wake(): void {
    this.#isWoken = true;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#isWoken && !this.#stop.signal.aborted) {
      this.#isWoken = false;
      try {
        if (await this.#takeOne()) await Promise.all(Array.from({ length: WORKERS }, () => this.#work()));
      } catch (err) {
        log.warn({ err }, "the queue waits for the database");
      }
    }
    this.#draining = undefined;
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted && (await this.#takeOne())) continue;
  }

  /** @returns whether there was a message */
  #takeOne(): Promise<boolean> {
    return inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<Row>(
        `SELECT id, headers, message, attempts FROM outbox WHERE sent_at IS NULL AND due_at <= now()
         ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      );
      const [row] = rows;
      if (row === undefined) return false;
      const { id, headers, message, attempts } = row;
      try {
        await this.#handle({ headers, body: message, attempt: attempts + 1 });
        await client.query("UPDATE outbox SET attempts = attempts + 1, sent_at = now() WHERE id = $1", [id]);
      } catch (err) {
        log.warn({ err, attempt: attempts + 1 }, "the message comes again later");
        await client.query(
          `UPDATE outbox SET attempts = attempts + 1,
             due_at = now() + least(interval '250 ms' * 2 ^ attempts, interval '1 minute') WHERE id = $1`,
          [id],
        );
      }
      return true;
    });
  }
}
