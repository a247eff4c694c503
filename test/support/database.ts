import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

/** A PostgreSQL that listens on a socket in a folder of its own. */
export interface Database {
  /** What a client takes as `host`. */
  readonly folder: string;
  close(): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), "otel-experiments-database-"));
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, path: join(folder, ".s.PGSQL.5432") });
  await server.start();
  return {
    folder,
    async close() {
      await server.stop();
      await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
