import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";

const START = fileURLToPath(new URL("../../../examples/shop/start.ts", import.meta.url));
const DIST = new URL("../../../dist/src/index.js", import.meta.url);

/** The job as a process of its own, with what it has written so far. */
class Job {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #exit: Promise<unknown[]>;

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [START, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.process = child;
    // "close" comes when nobody holds the pipes any more, the services included.
    this.#exit = once(child, "close");
    onTestFinished(() => void child.kill("SIGKILL"));
  }

  async endsWith(code: number | null): Promise<void> {
    const [actual] = await this.#exit;
    if (actual !== code)
      throw new Error(`exit code ${String(actual)} instead of ${code}:\n${this.stdout}\n${this.stderr}`);
  }

  /** Waits until the job has written something. */
  async shows(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      if (this.process.exitCode !== null) throw new Error(`the job ended without showing "${text}":\n${this.stderr}`);
      await pause(10);
    }
  }

  /** The services, by the process that the job says each of them is. */
  get pids(): number[] {
    return [...this.stderr.matchAll(/ {2}process (\d+)$/gm)].map(([, pid]) => Number(pid));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that ended and that nobody has waited for is still listed.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/s.test(readFileSync(stat, "utf8"));
}

beforeAll(() => {
  if (!existsSync(DIST))
    throw new Error("dist/ is missing, from which the shop's services run; build first: npm run build");
});

describe("the shop", () => {
  test("SHOP-20 reports on its shoppers, and leaves nothing running", async () => {
    const job = new Job("--once", "--shoppers", "30");
    await job.endsWith(0);
    for (const variant of ["control", "single_page", "one_click"]) {
      expect(job.stdout).toMatch(
        new RegExp(`^${variant} +gateway +(\\d+) +\\d+ +[\\d.]+ +[\\d.]+\\n +cart +\\1 .*\\n +payment +\\1 `, "m"),
      );
    }
    expect(job.stdout).toContain("30 traces, and each shows one variant throughout.");
    expect(job.stdout).toContain("Forged members that the gateway turned away: 1.");
    expect(job.stdout).toContain("Own members that the third party saw: 0, in 30 requests.");
    expect(job.stderr).toContain("shoppers: 30 of 30");
    expect(job.stderr).not.toMatch(/error|warning/i);
    expect(job.pids).toHaveLength(4);
    expect(job.pids.filter(isAlive)).toEqual([]);
  });

  test.each([
    ["SHOP-21", "SIGINT", 130, "among its shoppers", "shoppers: "],
    ["SHOP-22", "SIGTERM", 143, "among its shoppers", "shoppers: "],
    ["SHOP-23", "SIGINT", 130, "while its services start", "payment "],
  ] as const)(
    "%s stops by %s with exit code %i %s, and leaves nothing running",
    async (_id, signal, code, _when, text) => {
      const job = new Job("--shoppers", "600");
      await job.shows(text);
      expect(job.pids.filter(isAlive)).toEqual(job.pids);
      // npm passes on a signal that the terminal has sent already.
      job.process.kill(signal);
      job.process.kill(signal);
      await job.endsWith(code);
      expect(job.stderr).toMatch(new RegExp(`\\nStopped by ${signal}, and every service with it.\\n$`));
      expect(job.stdout).toBe("");
      expect(job.pids.filter(isAlive)).toEqual([]);
    },
  );

  test("SHOP-24 ends with an error that names the service that ended by itself", async () => {
    const job = new Job("--shoppers", "600");
    await job.shows("shoppers: ");
    const [, , cart = 0] = job.pids;
    process.kill(cart, "SIGKILL");
    await job.endsWith(1);
    expect(job.stderr).toContain("the cart service ended by itself: SIGKILL");
    expect(job.pids.filter(isAlive)).toEqual([]);
  });

  test("SHOP-25 takes its services with it when it is killed", async () => {
    const job = new Job("--shoppers", "600");
    await job.shows("shoppers: ");
    job.process.kill("SIGKILL");
    await job.endsWith(null);
    expect(job.pids).toHaveLength(4);
    // Nobody waits for them any more: their pipes are closed a moment before they are gone.
    await vi.waitFor(() => expect(job.pids.filter(isAlive)).toEqual([]), 10_000);
  });

  test("SHOP-26 explains its options, and refuses others", async () => {
    const help = new Job("--help");
    await help.endsWith(0);
    expect(help.stdout).toMatch(/^Usage: npm start .*--shoppers N.*--once/s);
    const misspelt = new Job("--shopers", "3");
    await misspelt.endsWith(2);
    expect(misspelt.stderr).toMatch(/^Unknown option '--shopers'.*\n\nUsage: /s);
    const nobody = new Job("--shoppers", "0");
    await nobody.endsWith(2);
    expect(nobody.stderr).toMatch(/^--shoppers is "0"; write a number from 1 to 10000\n\nUsage: /);
  });
});
