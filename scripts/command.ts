import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A shell's exit codes for a process that a signal ended: 128 plus the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: { readonly [name: string]: string };
  /** The signal that stops it. Default: the signal that this process received. */
  readonly stopBy?: NodeJS.Signals;
}

const running = new Map<ChildProcess, NodeJS.Signals | undefined>();
let stopping = false;

/**
 * Runs a command with this process's output streams, and returns its exit code. The command has its own process group,
 * so that all processes it started are stopped with it: see {@link stopOnSignals}.
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
      // If a command is being stopped, this process ends soon. The promise stays pending, so no other command starts.
      child.once("close", (code) => stopping || resolve(code ?? 1));
    });
  } finally {
    running.delete(child);
  }
}

/**
 * From this call on, SIGINT, SIGTERM and SIGHUP first end the running commands, and then this process, with its `exit`
 * event. A repeated signal kills the commands at once.
 */
export function stopOnSignals(): void {
  // why: these are the keys of EXIT_CODES
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

/**
 * A temporary folder for this run, removed when the process exits. Other users can enter it, but not list it: root's
 * PostgreSQL, which runs as another user, has its folder within.
 */
export function scratchFolder(): string {
  const scratch = mkdtempSync(join(tmpdir(), "otel-exp-"));
  chmodSync(scratch, 0o711);
  removeOnExit(scratch);
  return scratch;
}

export function removeOnExit(path: string): void {
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
}
