import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { ResourceMetrics, ResourceSpans, Telemetry } from "./otlp.ts";

/** Stands for a collector: it keeps what is exported to it. */
export interface Receiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** What has come so far. */
  readonly telemetry: Telemetry;
  close(): void;
}

/** Receives OTLP/HTTP in its JSON form, on a free port of loopback. */
export async function startReceiver(): Promise<Receiver> {
  const resourceSpans: ResourceSpans[] = [];
  const resourceMetrics: ResourceMetrics[] = [];

  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status, { "content-type": "application/json" }).end("{}"),
      () => response.writeHead(400).end(),
    );
  });

  async function receive(request: IncomingMessage): Promise<number> {
    // why: what the exporters write, as OTLP lays it down; nobody else knows the port
    const body = (await json(request)) as Partial<Telemetry>;
    if (request.url === "/v1/traces") resourceSpans.push(...(body.resourceSpans ?? []));
    else if (request.url === "/v1/metrics") resourceMetrics.push(...(body.resourceMetrics ?? []));
    else return 404;
    return 200;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // why: a server on a TCP port has an address of this form
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    telemetry: { resourceSpans, resourceMetrics },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
