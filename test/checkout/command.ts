import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const START = fileURLToPath(new URL("../../examples/checkout/start.ts", import.meta.url));

/** `npm start` as a process of its own, with a temporary folder of its own, and what it has written so far. */
export class Command {
  readonly process: ChildProcess;
  /** Its processes have this folder in their environment or in their arguments. */
  readonly folder = mkdtempSync(join(tmpdir(), "checkout-command-"));
  stdout = "";
  stderr = "";
  readonly #exit: Promise<unknown[]>;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    // PostgreSQL's user has to enter it, if the test runs as root.
    chmodSync(this.folder, 0o777);
    const env = { ...process.env, TMPDIR: this.folder, ...environment };
    const child = spawn(process.execPath, [START, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.process = child;
    this.#exit = once(child, "close");
    onTestFinished(() => {
      child.kill("SIGKILL");
      for (const pid of this.running()) kill(pid);
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** @param code null if a signal ends it */
  async endsWith(code: number | null): Promise<void> {
    const [actual] = await this.#exit;
    if (actual !== code)
      throw new Error(`exit code ${String(actual)} instead of ${code}:\n${this.stdout}${this.stderr}`);
  }

  /** Waits until it has written something. */
  async shows(text: string): Promise<void> {
    while (!`${this.stdout}${this.stderr}`.includes(text)) {
      if (this.process.exitCode !== null) throw new Error(`it ended without "${text}":\n${this.stdout}${this.stderr}`);
      await pause(20);
    }
  }

  /** The process that it says a service is. */
  pidOf(service: string): number {
    return Number(new RegExp(`^${service} .* process (\\d+)$`, "m").exec(this.stderr)?.[1]);
  }

  /** The processes that it has started, and that still run. */
  running(): readonly number[] {
    const pids = globSync("/proc/[0-9]*").map((path) => Number(basename(path)));
    return pids.filter((pid) => pid !== this.process.pid && this.#isOurs(pid));
  }

  /** What is left in its temporary folder. */
  files(): readonly string[] {
    return readdirSync(this.folder);
  }

  #isOurs(pid: number): boolean {
    return ["environ", "cmdline"].some((file) => contentOf(`/proc/${pid}/${file}`).includes(this.folder));
  }
}

/** Nothing, for a process that has ended or that is another user's. */
function contentOf(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
