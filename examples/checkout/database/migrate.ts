// Applies the migrations that a database does not have yet: `DATABASE_URL=… node database/migrate.ts`.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** Any number; processes that migrate at the same time wait for each other by it. */
const LOCK = 20_260_101;

/** @returns the names of the migrations that it has applied */
export async function migrate(databaseUrl: string): Promise<readonly string[]> {
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith(".sql")).sort();
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await client.query("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)");
    const { rows } = await client.query<{ name: string }>("SELECT name FROM migrations");
    const missing = files.filter((file) => !rows.some(({ name }) => name === file));
    for (const file of missing) {
      await client.query(await readFile(new URL(file, MIGRATIONS), "utf8"));
      await client.query("INSERT INTO migrations VALUES ($1)", [file]);
    }
    await client.query("COMMIT");
    return missing;
  } finally {
    // An error before COMMIT ends the connection and so the transaction.
    await client.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL === undefined) throw new Error("DATABASE_URL is not set");
  console.log(`Applied: ${(await migrate(DATABASE_URL)).join(", ") || "nothing, the database is up to date"}`);
}
