import { randomBytes } from "node:crypto";
import { migrate } from "../database/migrate.ts";
import { seed } from "../database/seed.ts";
import { type Database, startDatabase } from "./database.ts";
import { type MailServer, startMailServer } from "./mail.ts";
import { Processes, type Service } from "./processes.ts";
import { SERVICE_NAMES, SERVICES, type ServiceName } from "./services.ts";
import { type Receiver, startReceiver } from "./telemetry/receiver.ts";

export interface SystemOptions {
  /** Ends the start when it is aborted. */
  readonly signal?: AbortSignal;
  /** More variables for single services, such as `{ provider: { STALL_RATE: "0.1" } }`. */
  readonly environment?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  readonly protocol?: "http/json" | "http/protobuf";
  /** Called with each part that runs, as it comes up. */
  readonly onStarted?: (what: string, address: string, pid?: number) => void;
  /** Called if a process ends by itself. */
  readonly onEnd?: (error: Error) => void;
}

/** The whole shop, as it runs. */
export interface System {
  readonly addresses: Readonly<Record<ServiceName, string>>;
  readonly database: Database;
  /** Undefined if `SMTP_URL` names another one. */
  readonly mail: MailServer | undefined;
  readonly receiver: Receiver;
  /** The process of each service, to end one and to restart it. */
  readonly processes: Processes;
  /** The secret with which the gateway checks overrides. */
  readonly overrideSecret: string;
  /**
   * Stops everything that runs. After `processes.stop()` that is what is left: the database, for one.
   *
   * @throws Error that says which process did not end in order
   */
  stop(): Promise<void>;
}

/** Starts everything. If a part fails, those that run are stopped. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { signal = new AbortController().signal, onStarted = () => undefined } = options;
  const onEnd = options.onEnd ?? (() => undefined);
  await using parts = new AsyncDisposableStack();

  const receiver = await startReceiver();
  parts.defer(() => receiver.close());
  onStarted("receiver", receiver.url);

  const smtpUrl = process.env["SMTP_URL"];
  const mail = smtpUrl === undefined ? await startMailServer() : undefined;
  parts.defer(() => mail?.close());
  onStarted("mail", mail?.url ?? smtpUrl ?? "");

  const database = await startDatabase(signal, onEnd);
  parts.defer(() => database.stop());
  onStarted("database", database.url);
  await migrate(database.url);
  await seed(database.url);

  const processes = new Processes(signal, onEnd);
  parts.defer(async () => void (await processes.stop()));
  const secrets = secretsFrom(process.env);
  const started = new Map<ServiceName, Promise<Service>>();
  const start = (name: ServiceName): Promise<Service> => {
    const service = started.get(name) ?? startAfterCalled(name);
    started.set(name, service);
    return service;
  };
  /** A service gets the addresses of those that it calls, so they start first. */
  async function startAfterCalled(name: ServiceName): Promise<Service> {
    const { calls, database: usesDatabase, mail: sendsMail, foreign } = SERVICES[name];
    const called = await Promise.all(
      calls.map(async (callee) => [`${callee.toUpperCase()}_URL`, (await start(callee)).url] as const),
    );
    const service = await processes.start(name, {
      NODE_ENV: "production",
      ...Object.fromEntries(called),
      ...(usesDatabase && { DATABASE_URL: database.url }),
      ...(sendsMail && { SMTP_URL: mail?.url ?? smtpUrl ?? "" }),
      ...(foreign ? {} : { ...telemetryOf(name, receiver.url, options.protocol), ...secrets }),
      ...options.environment?.[name],
    });
    onStarted(name, service.url, service.pid);
    return service;
  }
  const services = await Promise.all(SERVICE_NAMES.map(async (name) => [name, await start(name)] as const));

  const stack = parts.move();
  return {
    // why: there is an entry for each name
    addresses: Object.fromEntries(services.map(([name, { url }]) => [name, url])) as Record<ServiceName, string>,
    database,
    mail,
    receiver,
    processes,
    overrideSecret: secrets.OVERRIDE_SECRET,
    async stop() {
      const problems = await processes.stop();
      await stack.disposeAsync();
      if (problems.length > 0) throw new Error(problems.join("\n"));
    },
  };
}

/** Delays and sizes with which telemetry arrives soon, and none of it is dropped while many shoppers buy at once. */
function telemetryOf(name: ServiceName, endpoint: string, protocol = "http/json"): Record<string, string> {
  return {
    OTEL_SERVICE_NAME: name,
    OTEL_RESOURCE_ATTRIBUTES: "service.version=1.0.0,deployment.environment.name=example",
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    // Each export holds only new data, so that they can be added up.
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
    OTEL_METRIC_EXPORT_INTERVAL: "1000",
    OTEL_METRIC_EXPORT_TIMEOUT: "1000",
    OTEL_BSP_SCHEDULE_DELAY: "500",
    OTEL_BSP_MAX_QUEUE_SIZE: "16384",
    OTEL_BLRP_SCHEDULE_DELAY: "500",
    OTEL_BLRP_MAX_QUEUE_SIZE: "16384",
  };
}

function secretsFrom(
  environment: NodeJS.ProcessEnv,
): Record<"OVERRIDE_SECRET" | "SUBJECT_SECRET" | "COOKIE_SECRET", string> {
  const secret = (name: string): string => environment[name] ?? randomBytes(32).toString("hex");
  return {
    OVERRIDE_SECRET: secret("OVERRIDE_SECRET"),
    SUBJECT_SECRET: secret("SUBJECT_SECRET"),
    COOKIE_SECRET: secret("COOKIE_SECRET"),
  };
}
