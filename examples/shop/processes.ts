import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type ServiceName = "gateway" | "cart" | "payment" | "bank";

/** A running service. */
export interface Service {
  readonly url: string;
  readonly pid: number | undefined;
}

/** The processes of the shop. If the job is aborted, they are killed, so none outlives it. */
export class Processes {
  readonly #job: AbortController;
  readonly #receiverUrl: string;
  readonly #processes = new Map<ServiceName, ChildProcess>();
  #stopping = false;

  /** @param job aborted by the caller, or by this class with an error if a service ends unexpectedly */
  constructor(job: AbortController, receiverUrl: string) {
    this.#job = job;
    this.#receiverUrl = receiverUrl;
  }

  /**
   * Starts a service, and waits until it listens.
   *
   * @param peers the addresses of the services that it calls, as environment variables
   */
  async start(name: ServiceName, peers: Readonly<Record<`${string}_URL`, string>> = {}): Promise<Service> {
    const { signal } = this.#job;
    const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), {
      execArgv: ["--import", new URL("./telemetry.ts", import.meta.url).href],
      env: {
        ...environment(),
        NODE_ENV: "production",
        ...peers,
        OTEL_SERVICE_NAME: name,
        OTEL_EXPORTER_OTLP_ENDPOINT: this.#receiverUrl,
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Not in the terminal's process group: Ctrl-C then reaches only the starting process, which stops all services.
      detached: true,
      signal,
    });
    this.#processes.set(name, child);
    child.on("error", (error) => this.#job.abort(error));
    child.on("exit", (code, killer) => {
      if (this.#stopping) return;
      this.#job.abort(new Error(`the ${name} service ended by itself: ${killer ?? `exit ${code}`}`));
    });
    // why: service.ts sends only this message
    const [{ port }] = (await once(child, "message", { signal })) as [{ readonly port: number }];
    return { url: `http://127.0.0.1:${port}`, pid: child.pid };
  }

  /** Stops all services in sequence. Each one completes its open requests, exports its telemetry, and ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const child of this.#processes.values()) child.send("stop");
    await this.ended();
    for (const [name, { exitCode, signalCode }] of this.#processes) {
      if (exitCode === 0) continue;
      throw new Error(`the ${name} service did not stop in order: ${signalCode ?? `exit ${exitCode}`}`);
    }
  }

  /** Waits until all processes have ended. */
  async ended(): Promise<void> {
    const running = [...this.#processes.values()].filter(isRunning);
    await Promise.all(running.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  }
}

function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** The own environment, without OpenTelemetry's settings, which are meant for other programs. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OTEL_")));
}
