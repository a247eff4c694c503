import { fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const KEEPER = fileURLToPath(new URL("../../examples/checkout/system/postgres/keeper.ts", import.meta.url));

/** The keeper of PostgreSQL, in a temporary folder of its own. */
function startKeeper() {
  const folder = mkdtempSync(join(tmpdir(), "checkout-keeper-"));
  // PostgreSQL's user has to enter it, if the test runs as root.
  chmodSync(folder, 0o777);
  const keeper = fork(KEEPER, {
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: { ...process.env, TMPDIR: folder },
  });
  const ended = once(keeper, "exit");
  onTestFinished(() => {
    keeper.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return { keeper, ended, folder };
}

test.each([0, 1, 5, 20, 60])(
  "CHK-N18 the keeper of PostgreSQL leaves nothing if it is ended %i ms after it has made its folder",
  async (ms) => {
    const { keeper, ended, folder } = startKeeper();
    while (readdirSync(folder).length === 0) await pause(1);
    if (ms > 0) await pause(ms);
    keeper.kill("SIGTERM");
    keeper.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(readdirSync(folder)).toEqual([]);
  },
);
