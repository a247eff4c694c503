import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { LastLines } from "../last-lines.ts";
import { type Account, makeFolder, unprivilegedAccount } from "./account.ts";
import { findBinaries } from "./binaries.ts";

const USER = "shop";

const ADVICE = "If this cannot be mended, set DATABASE_URL to a PostgreSQL of your own.";

/** What is in the database is gone with the shop, so nothing has to survive a crash of the machine. */
const SETTINGS = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=120"];

/** PostgreSQL ends its clients' connections, and itself. */
const FAST_SHUTDOWN = "SIGINT";
const START_MS = 30_000;
const STOP_MS = 5_000;
const PORT_ATTEMPTS = 5;

/** A PostgreSQL of our own, on a free port of loopback, with its data in a temporary folder. */
export class PostgresServer {
  readonly #account: Account | undefined = unprivilegedAccount();
  readonly #password = randomBytes(16).toString("hex");
  #folder = "";
  #bin = "";
  #port = 0;
  #process: ChildProcess | undefined;
  /** Called with the reason if the server ends by itself. */
  onEnd: (error: Error) => void = () => undefined;

  get url(): string {
    return `postgres://${USER}:${this.#password}@127.0.0.1:${this.#port}/postgres`;
  }

  /** Finds the programs, and makes the data folder. */
  async create(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#folder = makeFolder(this.#account);
    this.#bin = findBinaries(this.#folder, this.#account);
    const passwordFile = join(this.#folder, "password");
    writeFileSync(passwordFile, this.#password, { mode: 0o600 });
    if (this.#account !== undefined) chownSync(passwordFile, this.#account.uid, this.#account.gid);
    const users = [`--username=${USER}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
    const form = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
    const initdb = spawn(join(this.#bin, "initdb"), [`--pgdata=${this.#data}`, ...users, ...form], {
      ...this.#surroundings,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines = new LastLines(initdb.stderr);
    const abort = (): void => void initdb.kill();
    signal.addEventListener("abort", abort);
    // Also after an abort it is waited for: it still writes to the folder.
    const [code] = await once(initdb, "close");
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`initdb could not make the data folder:\n${lines.text}\n${ADVICE}`);
  }

  /** Starts the server, the first time on a free port, and later on the same one. */
  async start(): Promise<void> {
    if (this.#port !== 0) return this.#listen();
    for (let attempts = 1; ; attempts++) {
      this.#port = await freePort();
      try {
        return await this.#listen();
      } catch (error) {
        // Another program may take the port before the server does.
        if (attempts === PORT_ATTEMPTS || !String(error).includes("Address already in use")) throw error;
      }
    }
  }

  async #listen(): Promise<void> {
    const settings = [...SETTINGS, "listen_addresses=127.0.0.1", "unix_socket_directories=", `port=${this.#port}`];
    const child = spawn(
      join(this.#bin, "postgres"),
      ["-D", this.#data, ...settings.flatMap((setting) => ["-c", setting])],
      { ...this.#surroundings, stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#process = child;
    const lines = new LastLines(child.stderr);
    const late = setTimeout(() => child.kill("SIGQUIT"), START_MS);
    let isReady = false;
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, killer) => {
        const error = new Error(`PostgreSQL ended by itself: ${killer ?? `exit ${code}`}\n${lines.text}`);
        reject(error);
        if (isReady && this.#process === child) this.onEnd(error);
      });
      lines.onLine = (line) => {
        if (line.includes("database system is ready to accept connections")) resolve();
      };
    }).finally(() => clearTimeout(late));
    isReady = true;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(FAST_SHUTDOWN);
    const timer = setTimeout(() => child.kill("SIGQUIT"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Removes the data. A process of initdb may write for another moment. */
  async remove(): Promise<void> {
    if (this.#folder !== "") await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  /** In the server's own folder, since its user may not be able to enter the current one; with messages in English. */
  get #surroundings(): object {
    return { ...this.#account, cwd: this.#folder, env: { LC_ALL: "C", PATH: process.env["PATH"] } };
  }
}

/** A port that nobody listens on. PostgreSQL cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
