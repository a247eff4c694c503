import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What shells give for a process that a signal ended: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface CommandOptions {
  readonly cwd?: string;
  /** Beside those of this process. */
  readonly env?: { readonly [name: string]: string };
  /** How it is stopped, if not by the signal that we got ourselves. */
  readonly stopBy?: NodeJS.Signals;
}

const running = new Map<ChildProcess, NodeJS.Signals | undefined>();
let stopping = false;

/**
 * Runs a command, with its output where ours goes, and gives its exit code. It has a process group of its own, so that
 * whatever it started is stopped with it: see {@link stopOnSignals}.
 */
export async function runCommand(
  [command, ...args]: readonly [string, ...string[]],
  { cwd, env, stopBy }: CommandOptions = {},
): Promise<number> {
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
    cwd,
    env: { ...process.env, ...env },
  });
  running.set(child, stopBy);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      // Whoever waits for a command that is stopped waits for our own end, and starts nothing else.
      child.once("close", (code) => stopping || resolve(code ?? 1));
    });
  } finally {
    running.delete(child);
  }
}

/**
 * From here on, SIGINT, SIGTERM and SIGHUP end first the commands that run, and then this process, by its `exit`. Whoever
 * repeats the signal does not want to wait: then they are killed.
 */
export function stopOnSignals(): void {
  // why: these are the keys that stand above
  for (const signal of Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]) {
    process.on(signal, () => {
      const urgent = stopping;
      stopping = true;
      const ending = [...running].map(([child, stopBy]) => stop(child, urgent ? "SIGKILL" : (stopBy ?? signal)));
      void Promise.all(ending).then(() => process.exit(EXIT_CODES[signal]));
    });
  }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("close", resolve));
  try {
    process.kill(-pid, signal);
  } catch {
    return; // It has ended just now.
  }
  await closed;
}

/** A folder for what only this run needs. It goes with the process. */
export function scratchFolder(): string {
  const scratch = mkdtempSync(join(tmpdir(), "otel-exp-"));
  removeOnExit(scratch);
  return scratch;
}

export function removeOnExit(path: string): void {
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
}
