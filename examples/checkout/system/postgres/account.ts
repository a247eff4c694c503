import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The user and group that PostgreSQL's processes run as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root. This is `nobody` on most systems, and needs no entry in /etc/passwd. */
const UNPRIVILEGED: Account = { uid: 65_534, gid: 65_534 };

/** @returns undefined if the own user will do */
export function unprivilegedAccount(): Account | undefined {
  return process.getuid?.() === 0 ? UNPRIVILEGED : undefined;
}

/** Makes a folder that the account owns and can reach. */
export function makeFolder(account: Account | undefined): string {
  // Root's temporary folder may be one that no other user can enter.
  const parents = account === undefined ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  const reasons: string[] = [];
  for (const parent of parents) {
    const folder = mkdtempSync(join(parent, "otel-experiments-checkout-"));
    if (account === undefined) return folder;
    chownSync(folder, account.uid, account.gid);
    const probe = spawnSync("/bin/sh", ["-c", 'test -w "$0"', folder], account);
    if (probe.status === 0) return folder;
    rmSync(folder, { recursive: true });
    reasons.push(`${parent}: user ${account.uid} cannot write there`);
  }
  throw new Error(
    `There is no temporary folder for PostgreSQL, which does not run as root. ${reasons.join("; ")}. ` +
      "Set TMPDIR to a folder that every user can enter, or DATABASE_URL to a PostgreSQL of your own.",
  );
}
