import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { LastLines } from "./last-lines.ts";
import { SERVICES, type ServiceName } from "./services.ts";

const START_S = 60;
const STOP_S = 20;

const ADVICE = 'To see all of its lines, run it alone: see examples/checkout/README.md, "If something does not start".';

type Variables = Readonly<Record<string, string>>;

/** A running service. */
export interface Service {
  readonly url: string;
  readonly pid: number;
}

/** The processes of the services. */
export class Processes {
  readonly #signal: AbortSignal;
  readonly #onEnd: (error: Error) => void;
  readonly #running = new Map<ServiceName, ChildProcess>();
  /** The variables that each service was started with, its port included. */
  readonly #variables = new Map<ServiceName, Variables>();

  /**
   * @param signal stops the services that start when it is aborted
   * @param onEnd called with the reason if a service ends by itself
   */
  constructor(signal: AbortSignal, onEnd: (error: Error) => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
  }

  /** Starts a service, and waits until it is ready. */
  async start(name: ServiceName, variables: Variables): Promise<Service> {
    this.#signal.throwIfAborted();
    const folder = new URL(`../${name}/`, import.meta.url);
    const child = fork(fileURLToPath(new URL("main.ts", folder)), {
      cwd: fileURLToPath(folder),
      execArgv: SERVICES[name].foreign === true ? [] : ["--import", "./telemetry.ts"],
      env: { ...inherited(), ...variables },
      // Its log records come as telemetry. Its stdout is no pipe: pino waits for ever for one whose reader is killed.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Not in the terminal's process group: Ctrl-C then reaches only the starting process, which stops all services.
      detached: true,
    });
    this.#running.set(name, child);
    const port = await this.#ready(name, child);
    this.#variables.set(name, { ...variables, PORT: String(port) });
    return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0 };
  }

  async #ready(name: ServiceName, child: ChildProcess): Promise<number> {
    const lines = new LastLines(child.stderr);
    const late = setTimeout(() => child.kill("SIGKILL"), START_S * 1000);
    const abort = (): void => void child.kill("SIGTERM");
    this.#signal.addEventListener("abort", abort);
    let isReady = false;
    // "close" comes when its last lines have been read.
    const closed = once(child, "close").then(([code, killer]) => {
      const end = `${killer ?? `exit ${code}`}. Its last lines:\n${lines.text || "  (none)"}`;
      const isExpected = this.#running.get(name) !== child;
      this.#running.delete(name);
      if (isReady && !isExpected) this.#onEnd(new Error(`The ${name} service ended by itself: ${end}`));
      return end;
    });
    try {
      const message = await Promise.race([once(child, "message"), closed]);
      this.#signal.throwIfAborted();
      if (typeof message === "string") {
        const hint = message.startsWith("SIGKILL") ? `It had ${START_S} s. Is the machine busy? Then try again. ` : "";
        throw new Error(`The ${name} service did not start: ${hint}${message}\n${ADVICE}`);
      }
      isReady = true;
      const [{ port }] = message as [{ readonly port: number }]; // why: a service sends nothing else
      return port;
    } finally {
      clearTimeout(late);
      this.#signal.removeEventListener("abort", abort);
    }
  }

  /** Ends a service, as a crash or a deployment does. */
  async end(name: ServiceName, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#running.get(name);
    if (child === undefined) throw new Error(`the ${name} service does not run`);
    this.#running.delete(name);
    await endOf(child, signal);
  }

  /** Starts a service again that was ended, on the same port. */
  async restart(name: ServiceName): Promise<Service> {
    const variables = this.#variables.get(name);
    if (variables === undefined) throw new Error(`the ${name} service was never started`);
    return this.start(name, variables);
  }

  /**
   * Stops all services. The gateway goes first: it completes its open requests, for which it needs the others.
   *
   * @returns what went wrong, in words; empty if all of them ended in order
   */
  async stop(): Promise<readonly string[]> {
    const problems: string[] = [];
    const stopOne = async (name: ServiceName): Promise<void> => {
      const child = this.#running.get(name);
      if (child === undefined) return;
      this.#running.delete(name);
      const end = await endOf(child, "SIGTERM");
      if (end !== 0) problems.push(`The ${name} service did not stop in order: ${end}.`);
    };
    await stopOne("gateway");
    await Promise.all([...this.#running.keys()].map(stopOne));
    return problems;
  }
}

/** @returns the exit code, or the signal that ended it */
async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const exited = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_S * 1000);
    await exited;
    clearTimeout(late);
  }
  return child.exitCode ?? child.signalCode ?? "it was never started";
}

/** The own environment, without OpenTelemetry's settings, which are meant for other programs. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OTEL_")));
}
