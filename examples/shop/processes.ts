import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type ServiceName = "gateway" | "cart" | "payment" | "bank";

/** A service that listens. */
export interface Service {
  readonly url: string;
  readonly pid: number | undefined;
}

/** The processes of the shop. None of them outlives the job: when it is aborted, they are killed. */
export class Processes {
  readonly #job: AbortController;
  readonly #receiverUrl: string;
  readonly #processes = new Map<ServiceName, ChildProcess>();
  #stopping = false;

  /** @param job aborted by us too, with an error that says so, where a service ends by itself */
  constructor(job: AbortController, receiverUrl: string) {
    this.#job = job;
    this.#receiverUrl = receiverUrl;
  }

  /**
   * Starts a service, and waits until it listens.
   *
   * @param peers the addresses that it needs, as environment variables
   */
  async start(name: ServiceName, peers: Readonly<Record<`${string}_URL`, string>> = {}): Promise<Service> {
    const { signal } = this.#job;
    const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), {
      execArgv: ["--import", new URL("./telemetry.ts", import.meta.url).href],
      env: { ...environment(), ...peers, OTEL_SERVICE_NAME: name, OTEL_EXPORTER_OTLP_ENDPOINT: this.#receiverUrl },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Away from the terminal's process group, so that Ctrl-C reaches the starting process alone, which stops us all.
      detached: true,
      signal,
    });
    this.#processes.set(name, child);
    child.on("error", (error) => this.#job.abort(error));
    child.on("exit", (code, killer) => {
      if (this.#stopping) return;
      this.#job.abort(new Error(`the ${name} service ended by itself: ${killer ?? `exit ${code}`}`));
    });
    // why: service.ts sends nothing else
    const [{ port }] = (await once(child, "message", { signal })) as [{ readonly port: number }];
    return { url: `http://127.0.0.1:${port}`, pid: child.pid };
  }

  /** Stops all of them in order: each answers what it has begun, exports what it has measured, and ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#processes.values()) child.send("stop");
    await this.ended();
    for (const [name, { exitCode, signalCode }] of this.#processes) {
      if (exitCode === 0) continue;
      throw new Error(`the ${name} service did not stop in order: ${signalCode ?? `exit ${exitCode}`}`);
    }
  }

  /** Waits until no process is left. */
  async ended(): Promise<void> {
    const running = [...this.#processes.values()].filter(isRunning);
    await Promise.all(running.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  }
}

function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Ours, without settings of OpenTelemetry that are meant for something else. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OTEL_")));
}
