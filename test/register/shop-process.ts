import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type PackedPackage, packPackage } from "../support/packed-package.ts";
import type { TelemetryReceiver } from "./telemetry-receiver.ts";

/** What the shop's own modules and OpenTelemetry's auto-instrumentation are resolved to. */
const DEPENDENCIES = [
  "@opentelemetry/api",
  "@opentelemetry/core",
  "@opentelemetry/auto-instrumentations-node",
  "@opentelemetry/instrumentation",
  "express",
  "fastify-plugin",
  "pino",
];

const SHOP = join(import.meta.dirname, "shop");

/** The shop in a directory of its own, beside the package as it would be published. */
export interface InstalledShop extends AsyncDisposable {
  readonly directory: string;
}

export async function installShop(): Promise<InstalledShop> {
  const packed: PackedPackage = await packPackage();
  const directory = await packed.consumer("shop", DEPENDENCIES, { "package.json": "{}" });
  for (const file of await readdir(SHOP)) await copyFile(join(SHOP, file), join(directory, file));
  return { directory, [Symbol.asyncDispose]: () => packed[Symbol.asyncDispose]() };
}

/** How a shop is started. */
export interface Launch {
  /** Node's own arguments, such as `--import`. */
  readonly preload: readonly string[];
  readonly app: string;
  readonly environment?: { readonly [name: string]: string };
}

/** What is left of a process that has ended in order. */
export interface EndedShop {
  readonly code: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** A shop that listens. */
export class ShopProcess {
  readonly #child: ChildProcess;
  readonly #output: Promise<readonly [string, string]>;
  readonly port: number;

  private constructor(child: ChildProcess, output: Promise<readonly [string, string]>, port: number) {
    this.#child = child;
    this.#output = output;
    this.port = port;
  }

  static async start(directory: string, { preload, app, environment = {} }: Launch): Promise<ShopProcess> {
    const child = spawn(process.execPath, [...preload, app], {
      cwd: directory,
      env: { ...plainEnvironment(), ...environment },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    // why: stdio says that both are pipes
    const output = Promise.all([
      text(child.stdout as NodeJS.ReadableStream),
      text(child.stderr as NodeJS.ReadableStream),
    ]);
    const listening = once(child, "message") as Promise<[{ readonly port: number }]>; // why: the shop sends nothing else
    const ended = once(child, "exit").then(async () => {
      throw new Error(`the shop ended before it listened:\n${(await output).join("\n")}`);
    });
    const [{ port }] = await Promise.race([listening, ended]);
    ended.catch(() => {});
    return new ShopProcess(child, output, port);
  }

  /** Lets it end by itself: it closes what it has open, OpenTelemetry exports, and nothing keeps the process alive. */
  async end(): Promise<EndedShop> {
    const exited = once(this.#child, "exit");
    this.#child.send("end");
    const [code] = (await exited) as [number | null]; // why: the event's first argument
    const [stdout, stderr] = await this.#output;
    return { code, stdout, stderr };
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
  }
}

/** Of production, where the terminal has what `register` says alone; without what is meant for the tests themselves. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const given = Object.entries(process.env).filter(([name]) => !/^(OTEL_|NODE_OPTIONS$|NODE_ENV$|VITEST)/.test(name));
  return { ...Object.fromEntries(given), NODE_ENV: "production" };
}

/** What the shop is made of, without the other instrumentations, which launches.test.ts starts too. */
export const SHOPS_INSTRUMENTATIONS = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: "http,express,undici,pino" } as const;

/** For OpenTelemetry's auto-instrumentation: everything to the receiver, and nothing asked of the machine. */
export function exportTo(receiver: TelemetryReceiver): { readonly [name: string]: string } {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_NODE_RESOURCE_DETECTORS: "none",
    OTEL_METRIC_EXPORT_INTERVAL: "60000",
  };
}
