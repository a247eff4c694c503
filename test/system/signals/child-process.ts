import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { COMMISSION, type Commission } from "./set-ups.ts";
import { openSink, type Seen } from "./sink.ts";

const CHILD = join(import.meta.dirname, "child");
const LOADER_HOOK = "@opentelemetry/instrumentation/hook.mjs";

/** Starts the service in a process of its own, asks it twice, ends it, and gives what it has exported. */
export async function observe(commission: Omit<Commission, "sink">): Promise<Seen> {
  await using sink = await openSink();
  const child = spawn(process.execPath, [...flagsOf(commission), join(CHILD, "service.ts")], {
    env: { ...environmentOf(sink.origin), [COMMISSION]: JSON.stringify({ ...commission, sink: sink.origin }) },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(String(chunk)));
  const closed = once(child, "close");
  try {
    const [message] = await Promise.race([once(child, "message"), closed.then(() => [undefined])]);
    const port: unknown = typeof message === "object" && message !== null ? Reflect.get(message, "port") : undefined;
    if (typeof port !== "number") throw new Error(`the service did not start: ${output.join("")}`);
    const baggage = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
    await get(`http://127.0.0.1:${port}/inbound`, { baggage });
    await get(`http://127.0.0.1:${port}/assigned`, {});
    child.send("end");
    const [code] = await closed;
    if (code !== 0) throw new Error(`the service ended with ${code}`);
    if (output.length > 0) throw new Error("the service wrote to the console");
  } catch (error) {
    throw new Error(`${commission.setUp.name}, ${commission.modules}: ${output.join("")}`, { cause: error });
  } finally {
    child.kill("SIGKILL");
  }
  return sink.seen();
}

async function get(url: string, headers: Record<string, string>): Promise<void> {
  const response = await fetch(url, { headers: { ...headers, connection: "close" } });
  const text = await response.text();
  if (text !== "served") throw new Error(`${url} answered ${response.status} ${text}`);
}

function flagsOf({ setUp, modules }: Omit<Commission, "sink">): readonly string[] {
  const hook = modules === "ES modules, loader hook" ? ["--no-warnings", "--experimental-loader", LOADER_HOOK] : [];
  if (setUp.base === "none") return hook;
  if (setUp.base !== "auto") return [...hook, "--import", join(CHILD, "telemetry.ts")];
  const imports = ["otel-experiments/register", "@opentelemetry/auto-instrumentations-node/register"];
  return [...hook, ...imports.flatMap((name) => ["--import", name])];
}

function environmentOf(sink: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_ENV: "production",
    OTEL_EXPORTER_OTLP_ENDPOINT: sink,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_NODE_RESOURCE_DETECTORS: "none",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_LOGS_EXPORTER: "otlp",
  };
}
