import type { Pool, PoolClient } from "pg";
import { log } from "./service.ts";

/** Runs a function in a transaction, which is committed if the function succeeds. */
export async function inTransaction<T>(pool: Pool, fn: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // The pool hears of idle connections only. One that breaks between two queries here would end the process.
  const onError = (err: Error): void => log.warn({ err }, "a connection broke in a transaction");
  client.on("error", onError);
  let isBroken = false;
  try {
    await client.query("BEGIN");
    const result = await fn(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    // A connection that cannot roll back is thrown away, and PostgreSQL rolls back.
    await client.query("ROLLBACK").catch(() => {
      isBroken = true;
    });
    throw error;
  } finally {
    client.off("error", onError);
    client.release(isBroken);
  }
}
