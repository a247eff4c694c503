import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { send, type WireRequest, type WireResponse } from "../../../testing/wire/client.ts";

/** How a program is started, and what it is asked. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>;
  readonly withSdk?: boolean;
  readonly request?: WireRequest;
  /** The codes to wait for. */
  readonly until: readonly string[];
}

/** What a program wrote. */
export interface Told {
  readonly stdout: string;
  readonly stderr: string;
  /** The process warnings of ours, in their order. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

const DEADLINE_MS = 30_000;
const USER = { lines: ["x-user-id: ann"] };

/** Starts a program in a process of its own, asks it three times, and ends it. */
export async function run(program: string, { env = {}, withSdk = true, request = USER, until }: Start): Promise<Told> {
  const port = await freePort();
  const telemetry = withSdk ? ["--import", join(import.meta.dirname, "telemetry.ts")] : [];
  const child = spawn(process.execPath, [...telemetry, join(import.meta.dirname, "programs", `${program}.ts`)], {
    env: { ...passedOn(), PORT: String(port), ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  const closed = new Promise<void>((resolve) => void child.on("close", () => resolve()));
  const told = (): Told => ({ stdout, stderr, warnings: warningsIn(stderr) });
  try {
    const deadline = performance.now() + DEADLINE_MS;
    const isOver = (): boolean => child.exitCode !== null || performance.now() > deadline;
    let answers = 0;
    const isComplete = (): boolean => until.every((code) => told().warnings.some((warning) => warning.code === code));
    while (!isOver() && (answers < 3 || !isComplete())) {
      if ((await answerOf(port, request)) !== undefined) answers++;
    }
  } finally {
    child.kill();
    await closed;
  }
  return told();
}

/** Undefined if the program does not listen, after a short time. */
async function answerOf(port: number, request: WireRequest): Promise<WireResponse | undefined> {
  try {
    return await send(port, request);
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return undefined;
  }
}

/** Sends a request to a program that is about to listen. */
export async function sendWhenListening(port: number, request: WireRequest): Promise<WireResponse> {
  const deadline = performance.now() + DEADLINE_MS;
  while (performance.now() < deadline) {
    const answer = await answerOf(port, request);
    if (answer !== undefined) return answer;
  }
  throw new Error("the program does not listen");
}

/**
 * A free port of loopback, for a program that takes its port from the environment. It is outside of the range from which
 * systems give free ports to others (from 32768 on Linux), who could take it before the program does.
 */
export async function freePort(): Promise<number> {
  const port = randomInt(20_000, 30_000);
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!isFree) return freePort();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function warningsIn(stderr: string): Told["warnings"] {
  return [...stderr.matchAll(/^\(node:\d+\) \[(OTEL_EXPERIMENTS_\w+)\] \w+: (.*)$/gm)].map(
    ([, code = "", message = ""]) => ({ code, message }),
  );
}

/** Without NODE_ENV and what test runners set. Some Nodes have to be told to run TypeScript. */
export function passedOn(): NodeJS.ProcessEnv {
  const { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE };
}
